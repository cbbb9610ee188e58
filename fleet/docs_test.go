package fleet

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// tableDocs lists the tables in the order of the page.
var tableDocs = []struct {
	name, row string
	schema    *parquet.Schema
	at        string
}{
	{ImagesTable, "ImageRow", schemaOf[ImageRow](), "tables/images/plan=PLAN/*.parquet"},
	{ImageLayersTable, "ImageLayerRow", schemaOf[ImageLayerRow](), "tables/image_layers/plan=PLAN/*.parquet"},
	{LayersTable, "LayerRow", schemaOf[LayerRow](), "tables/layers/plan=PLAN/*.parquet"},
	{"files", "FileRow", schemaOf[FileRow](), "layers/*/*.parquet"},
	{FindingsTable, "FindingRow", schemaOf[FindingRow](), "tables/findings/plan=PLAN/*.parquet"},
	{PackagesTable, "PackageRow", schemaOf[PackageRow](), "tables/packages/plan=PLAN/*.parquet"},
}

// TestTablesInDocs compares docs/fleet/tables.md with the comments of the row types, from which
// it is generated.
func TestTablesInDocs(t *testing.T) {
	const file = "../docs/fleet/tables.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "<!-- from here on made by go test ./fleet -run TestTablesInDocs -update -->\n"
	head, _, ok := bytes.Cut(text, []byte(mark))
	if !ok {
		t.Fatalf("%s has no line %q", file, mark)
	}
	want := string(head) + mark + tablesText(t)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s is out of date: go test ./fleet -run TestTablesInDocs -update", file)
	}
}

// tablesText documents all tables.
func tablesText(t *testing.T) string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), "rows.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]*ast.TypeSpec{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			types[spec.Name.Name] = spec
		}
		return true
	})
	var b strings.Builder
	for _, d := range tableDocs {
		spec := types[d.row]
		about := strings.Join(strings.Fields(spec.Doc.Text()), " ")
		about = strings.Replace(strings.Replace(about, "A "+d.row+" is", "A row is", 1), "An "+d.row+" is", "A row is", 1)
		fmt.Fprintf(&b, "\n## %s\n\n`%s`: %s\n\n| column | type | |\n|---|---|---|\n", d.name, d.at, about)
		columns(t, &b, types, spec, "")
	}
	return b.String()
}

// columns writes a line for each column of a row.
func columns(t *testing.T, b *strings.Builder, types map[string]*ast.TypeSpec, spec *ast.TypeSpec, above string) {
	t.Helper()
	fields, ok := spec.Type.(*ast.StructType)
	if !ok {
		t.Fatal(spec.Name)
	}
	for _, f := range fields.Fields.List {
		tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("parquet")
		name, options, _ := strings.Cut(tag, ",")
		about := strings.Join(strings.Fields(f.Doc.Text()+" "+f.Comment.Text()), " ")
		if about == "" {
			t.Errorf("%s.%s has no comment", spec.Name, name)
		}
		kind, inner := columnType(f.Type, options)
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", above, name, kind, strings.ReplaceAll(about, "|", `\|`))
		if inner != "" {
			columns(t, b, types, types[inner], above+name+"[].")
		}
	}
}

// columnType returns a column's SQL type, and the type of a list's elements.
func columnType(e ast.Expr, options string) (kind, inner string) {
	switch e := e.(type) {
	case *ast.StarExpr:
		kind, _ = columnType(e.X, options)
		return kind + ", or null", ""
	case *ast.MapType:
		return "map of text to text", ""
	case *ast.ArrayType:
		if id, ok := e.Elt.(*ast.Ident); ok && id.Name == "byte" {
			if e.Len != nil {
				return "16 bytes", ""
			}
			if strings.Contains(options, "optional") {
				return "bytes, or null", ""
			}
			return "bytes", ""
		} else if ok {
			return "list", id.Name
		}
	case *ast.Ident:
		switch {
		case strings.Contains(options, "timestamp"):
			return "timestamp in UTC", ""
		case e.Name == "string":
			return "text", ""
		case e.Name == "int64":
			return "bigint", ""
		case e.Name == "int32":
			return "integer", ""
		case e.Name == "float64":
			return "double", ""
		case e.Name == "bool":
			return "boolean", ""
		}
	}
	return "?", ""
}
