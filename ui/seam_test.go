package ui

import (
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// madeUp is a view that the program knows only by its row in the table.
type madeUp struct{ h host }

func (p *madeUp) title(int) (left, right string)       { return "What was made up", "" }
func (p *madeUp) foot() string                         { return "" }
func (p *madeUp) resize(_, _ int)                      {}
func (p *madeUp) render(l *line, i int)                { l.put(p.h.look().st.text, [2]string{"one", "two"}[i%2]) }
func (p *madeUp) mouse(tea.MouseMsg, int, int) tea.Cmd { return nil }
func (p *madeUp) hints(k *keyMap) []hint               { return []hint{{k.find}} }
func (p *madeUp) groups(k *keyMap) []keyGroup          { return madeUpKeys(k) }
func (p *madeUp) restyle()                             {}
func (p *madeUp) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	if p.h.keys().find.matches(k) {
		return p.h.say("made up of " + counted(len(p.h.analysis().Layers), "layer")), true
	}
	return nil, false
}

func madeUpKeys(k *keyMap) []keyGroup { return []keyGroup{{"Made up", []binding{k.find}}} }

// TestAddingAView checks that adding a view takes one file and one row: the row alone adds it
// to the head, the number keys, the help, the footers, the settings and the table in the docs.
func TestAddingAView(t *testing.T) {
	defer func(was []viewKind) { views = was }(views)
	views = append(slices.Clone(views), viewKind{
		title: "Made up", name: "made-up", short: "made up", help: "what was made up",
		open:   func(h host, _ *snapshot) (body, tea.Cmd) { return inFrame(h.look(), &madeUp{h}), nil },
		groups: madeUpKeys,
	})
	key := fmt.Sprint(len(views))
	m := start(t, open(t, "app"), 220, 40)
	rowWith(t, m, key+" made up")
	press(m, key)
	rowWith(t, m, "What was made up")
	rowWith(t, m, "app:1 · Made up")
	rowWith(t, m, "two")
	press(m, "/")
	rowWith(t, m, "made up of 8 layers")
	press(m, "?")
	rowWith(t, m, "what was made up")
	press(m, "esc 2 backspace")
	rowWith(t, m, "What was made up")
	press(m, "1")
	rowWith(t, m, "Files after layer 7")

	if table := keyTable(); !strings.Contains(table, "| `"+key+"` | what was made up | `view-made-up` |") {
		t.Errorf("the table of keys lacks it:\n%s", table)
	}
	if err := (Settings{Keys: map[string][]string{"view-made-up": {"@"}}}).Check(); err != nil {
		t.Error(err)
	}
	if err := (Settings{Keys: map[string][]string{"view-made-up": {"q"}}}).Check(); err == nil {
		t.Error("the view may use one key for two actions")
	}
}

// TestPagesKnowNoModel checks that views and pages use a host: no struct holds the model, and
// only the model's own functions and messages take it.
func TestPagesKnowNoModel(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	isModel := func(e ast.Expr) bool {
		star, ok := e.(*ast.StarExpr)
		if !ok {
			return false
		}
		id, ok := star.X.(*ast.Ident)
		return ok && id.Name == "model"
	}
	methods := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		set := gotoken.NewFileSet()
		parsed, err := parser.ParseFile(set, file, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.StructType:
				for _, f := range n.Fields.List {
					if isModel(f.Type) {
						t.Errorf("%s: a struct has the model", set.Position(f.Pos()))
					}
				}
			case *ast.FuncDecl:
				if n.Recv != nil && isModel(n.Recv.List[0].Type) {
					methods++
					return true
				}
				for _, f := range n.Type.Params.List {
					if isModel(f.Type) && n.Name.Name != "update" {
						t.Errorf("%s: %s takes the model", set.Position(f.Pos()), n.Name.Name)
					}
				}
			}
			return true
		})
	}
	if methods == 0 {
		t.Error("no methods of the model found; has it moved?")
	}
}
