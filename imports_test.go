package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/peelhq/peel"

// mayImport lists the packages of the module that each package may import. Dependencies run one
// way: main → cmd → {ui, report} → fleet → analyze → analyze/dockerfile → source
// → {source/engine, source/layer, source/objects, source/registry}. A package that isn't
// listed fails the test: add it where it belongs.
var mayImport = map[string][]string{
	".":                       {"cmd"},
	"cmd":                     {"ui", "report", "fleet", "analyze", "analyze/dockerfile", "source", "internal/alike", "internal/clean", "internal/crash", "internal/draft", "internal/grep", "internal/grow", "internal/human", "internal/lazy", "internal/redact"},
	"ui":                      {"analyze", "analyze/dockerfile", "internal/clean", "internal/crash", "internal/human", "internal/redact"},
	"report":                  {"fleet", "analyze", "analyze/dockerfile", "source", "internal/clean", "internal/crash", "internal/human", "internal/lazy"},
	"fleet":                   {"analyze", "analyze/dockerfile", "analyze/packages", "source", "internal/clean", "internal/crash", "internal/draft", "internal/human", "internal/lazy", "internal/redact"},
	"analyze":                 {"analyze/dockerfile", "analyze/packages", "source", "internal/clean", "internal/crash", "internal/grep", "internal/grow", "internal/human", "internal/lazy", "internal/redact"},
	"analyze/dockerfile":      {"source", "internal/clean", "internal/lazy"},
	"analyze/packages":        {"source", "internal/lazy"},
	"source":                  {"source/engine", "source/objects", "source/layer", "source/registry", "internal/alike", "internal/clean", "internal/crash", "internal/draft", "internal/grow", "internal/human", "internal/lazy"},
	"source/engine":           {"internal/clean", "internal/draft", "internal/lazy", "internal/redact", "internal/settings"},
	"source/registry":         {"internal/alike", "internal/clean", "internal/lazy", "internal/redact", "internal/settings"},
	"source/objects":          {"internal/draft"},
	"source/layer":            {"internal/crash", "internal/draft", "internal/inflate"},
	"internal/alike":          {},
	"internal/clean":          {},
	"internal/crash":          {},
	"internal/draft":          {"internal/lazy"},
	"internal/grep":           {},
	"internal/grow":           {},
	"internal/human":          {},
	"internal/inflate":        {},
	"internal/lazy":           {},
	"internal/redact":         {"internal/lazy"},
	"internal/settings":       {},
	"internal/fakecontainerd": {},
	"internal/fakeregistry":   {},
	"internal/ansisvg":        {},
	"internal/sample":         {},
	"internal/testkit":        {},
	"integration":             {},
	"integration/kubernetes":  {},
	"integration/step":        {},
	"bench/barescan":          {},
	"bench/compare":           {},
	"bench/firstframe":        {},
	"bench/fleet":             {"bench/madefleet", "fleet"},
	"bench/generate":          {"bench/madeup"},
	"bench/madeup":            {},
	"bench/madefleet":         {"fleet", "analyze", "source"},
	"bench/packages":          {"analyze", "source"},
	"bench/profile":           {"report", "analyze", "source"},
	"bench/serve":             {},
}

// restricted maps other modules, by path prefix, to the only packages that may import them.
var restricted = map[string][]string{
	"github.com/google/go-containerregistry": {"source", "source/registry", "internal/fakeregistry"},
	"github.com/docker/":                     {"source/engine"},
	"github.com/moby/":                       {"source/engine"},
	"github.com/containerd/":                 {"source/engine", "internal/fakecontainerd"},
	"google.golang.org/":                     {"source/engine", "internal/fakecontainerd"},
	"go.etcd.io/":                            {"source/engine", "internal/fakecontainerd"},
	"github.com/opencontainers/image-spec":   {"source", "source/engine"},
	"github.com/opencontainers/go-digest":    {"source", "source/layer", "source/registry"},
	"github.com/minio/":                      {"source/objects"},
	"github.com/parquet-go/":                 {"fleet"},
	"github.com/therootcompany/xz":           {"source"},
	"charm.land/":                            {"ui", "cmd", "internal/ansisvg"},
	"github.com/charmbracelet/":              {"ui", "cmd", "internal/ansisvg", "internal/testkit", "bench/firstframe"},
	"github.com/chromedp/":                   {}, // only tests drive a browser
	"github.com/creack/pty":                  {"internal/testkit", "internal/ansisvg", "bench/firstframe"},
	"github.com/alecthomas/chroma":           {"ui"},
	"github.com/rogpeppe/go-internal/diff":   {"ui"},
	"github.com/spf13/":                      {"cmd"},
	"testing":                                {"internal/testkit", "internal/fakecontainerd", "internal/fakeregistry"},
}

// TestImports checks the imports of every file that is built into the program. Tests may import
// anything, and only they import testkit.
func TestImports(t *testing.T) {
	imports := allImports(t)
	for pkg, paths := range imports {
		allowed, known := mayImport[pkg]
		if !known {
			t.Errorf("%s: this test doesn't list the package", pkg)
		}
		for _, p := range paths {
			if own, ok := strings.CutPrefix(p, module+"/"); ok && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s", pkg, own)
			}
			for prefix, who := range restricted {
				if (p == prefix || strings.HasPrefix(p, prefix)) && !slices.Contains(who, pkg) {
					t.Errorf("%s imports %s, which only %s may import", pkg, p, strings.Join(who, ", "))
				}
			}
		}
	}
	for _, pkg := range []string{".", "cmd", "ui", "report", "analyze", "analyze/dockerfile", "source", "source/engine", "source/layer", "source/registry"} {
		if len(imports[pkg]) == 0 {
			t.Errorf("%s: no imports found; has the package moved?", pkg)
		}
	}
	for _, pkg := range []string{"analyze", "analyze/dockerfile", "analyze/packages"} {
		if slices.Contains(imports[pkg], "os") || slices.Contains(imports[pkg], "net/http") {
			t.Errorf("%s does its own I/O", pkg)
		}
	}
}

// allImports returns the imports of each package, without those of tests.
func allImports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(file string, d fs.DirEntry, err error) error {
		switch name := path.Base(file); {
		case err != nil:
			return err
		case d.IsDir() && file != "." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(file), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			found[path.Dir(file)] = append(found[path.Dir(file)], p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
