package report

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// analysis analyses the image that the fixture text describes.
func analysis(t *testing.T, text string) *analyze.Analysis {
	t.Helper()
	f, err := testkit.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return analysisOf(t, f)
}

func analysisOf(t *testing.T, f *testkit.Fixture) *analyze.Analysis {
	t.Helper()
	path := f.Shapes()[0].Write(t, f)
	ref, platform := f.Ref(path, f.Images[0])
	im, err := source.Open(t.Context(), ref, source.Options{Platform: platform})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	a, err := analyze.Run(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// everything writes an analysis in all forms for people.
func everything(t *testing.T, a *analyze.Analysis) string {
	t.Helper()
	var b bytes.Buffer
	outcome, err := analyze.Check(t.Context(), a, analyze.NewRules(), analyze.CheckOptions{})
	if err := errors.Join(err, onScreen.Text(&b, a, advised(t, a)), CheckText(&b, &Verdict{Analysis: a, Outcome: outcome, Layout: onScreen})); err != nil {
		t.Fatal(err)
	}
	var whole bytes.Buffer
	if err := errors.Join(Text(&whole, a, advised(t, a)), CheckText(&whole, &Verdict{Analysis: a, Outcome: outcome})); err != nil {
		t.Fatal(err)
	}
	printable(t, whole.String())
	if strings.Count(whole.String(), "\n") > strings.Count(b.String(), "\n")+1 {
		t.Error("uncut output has more lines")
	}
	return b.String()
}

// TestNothingIsCut checks that paths and steps are complete, whatever their length, if the
// output isn't a terminal.
func TestNothingIsCut(t *testing.T) {
	name := strings.Repeat("directory/", 20) + "file"
	f, err := testkit.Parse("-- image app:1 linux/amd64 --\nstep \"RUN make " + strings.Repeat("target ", 20) + "last\"\nstep \"RUN rm\"\n-- layer --\nfile " + name + " 5000\n-- layer --\nfile " + strings.Repeat("directory/", 20) + ".wh.file 0\n")
	if err != nil {
		t.Fatal(err)
	}
	a := analysisOf(t, f)
	for _, layout := range []Layout{{}, {Columns: 60}, {Columns: 60, Cut: true}} {
		var b bytes.Buffer
		if err := layout.Text(&b, a, advised(t, a)); err != nil {
			t.Fatal(err)
		}
		whole := strings.Contains(b.String(), "/"+name+"\n") && strings.Contains(b.String(), "target last\n")
		if whole == layout.Cut {
			t.Errorf("%+v:\n%s", layout, &b)
		}
		for line := range strings.Lines(b.String()) {
			if w := width(strings.TrimSuffix(line, "\n")); layout.Cut && w > layout.Columns {
				t.Errorf("%d columns: %s", w, line)
			}
		}
	}
}

// TestFixtures checks that for any image, text is at most 80 columns wide and contains no
// control characters, and that JSON can be written.
func TestFixtures(t *testing.T) {
	for _, f := range testkit.Fixtures(t, "../testdata") {
		if f.Images[0].Absent != "" {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			a := analysisOf(t, f)
			fits(t, everything(t, a))
			findings := advised(t, a)
			var one, two, history bytes.Buffer
			if err := errors.Join(JSON(&one, a, findings), JSON(&two, a, findings)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(one.Bytes(), two.Bytes()) {
				t.Error("two reports differ")
			}
			var comment bytes.Buffer
			if err := Markdown(&comment, a, findings); err != nil {
				t.Fatal(err)
			}
			checkMarkdown(t, comment.String())
			for n := range a.Tree.Len() {
				if err := History(&history, a, analyze.NodeID(n)); err != nil {
					t.Fatal(err)
				}
			}
			printable(t, history.String())
		})
	}
}

func fits(t *testing.T, text string) {
	t.Helper()
	printable(t, text)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if w := width(line); w > usualColumns {
			t.Errorf("%d columns: %s", w, line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("spaces at the end of a line: %q", line)
		}
	}
}

func printable(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Error("invalid UTF-8")
	}
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U is printed", r)
		}
	}
}

func TestHostileImage(t *testing.T) {
	a := analysis(t, "-- layer --\nfile a 5\n-- layer --\nfile a 5 mode=0600\n")
	hostile := "::error::\x1b[2J\x1b]0;x\x07\u202e\u2066\xff\xfe\r\n" + strings.Repeat("wide 日本語 ", 100)
	im := *a.Image
	im.Name, im.Platform, im.Source = hostile, hostile, hostile
	im.ID, im.Digest = hostile, hostile
	a.Image = &im
	a.Waste = rowsAt(a.Waste, hostile)
	a.Flaws = append(a.Flaws, source.Flaw{Layer: -1, Problem: hostile}, source.Flaw{Layer: 3, Path: hostile, Problem: hostile})
	for i := range a.Layers {
		l := *a.Layers[i].Layer
		l.Step.Command, l.MediaType, l.DiffID = hostile, hostile, hostile
		if i == 0 {
			l.Err = errors.New(hostile)
		}
		a.Layers[i].Layer = &l
	}
	text := everything(t, a)
	fits(t, text)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Errorf("a line looks like a workflow command: %s", line)
		}
	}
	var b bytes.Buffer
	if err := JSON(&b, a, nil); err != nil {
		t.Fatal(err)
	}
	printable(t, b.String())
}

func TestNumbersThatJSONCannotWrite(t *testing.T) {
	a := analysis(t, "-- layer --\nfile a 5\n")
	a.Totals.Efficiency, a.Totals.UserWastedRatio = math.NaN(), math.Inf(1)
	im := *a.Image
	im.Created = time.Unix(math.MaxInt64/2, 0)
	a.Image = &im
	if err := JSON(&bytes.Buffer{}, a, nil); err != nil {
		t.Error(err)
	}
}

func TestManyRows(t *testing.T) {
	var fixture strings.Builder
	fixture.WriteString("-- layer --\n")
	for i := range 50 {
		fmt.Fprintf(&fixture, "file dir%d/%s%d 10\n", i, strings.Repeat("long", 30), i)
	}
	fixture.WriteString("-- layer --\n")
	for i := range 50 {
		fmt.Fprintf(&fixture, "file .wh.dir%d\n", i)
	}
	a := analysis(t, fixture.String())
	text := everything(t, a)
	fits(t, text)
	if want := "The largest waste (20 of 50 versions)"; !strings.Contains(text, want) {
		t.Errorf("the text lacks %q", want)
	}
	if n := strings.Count(text, "long49"); n > 2 {
		t.Errorf("a row is printed %d times", n)
	}
}

func TestImageWithoutLayers(t *testing.T) {
	a := analysis(t, "-- image empty:1 linux/amd64 --\n")
	text := everything(t, a)
	fits(t, text)
	if !strings.Contains(text, "0 layers, 0 entries") {
		t.Errorf("got text:\n%s", text)
	}
}

func TestDifferences(t *testing.T) {
	a := analysis(t, `
-- layer --
file f 10 seed=a
file same 10 seed=a
dir d
symlink s -> one
char c 1:2
file caps 5 xattr:user.gone=1 xattr:user.other=1
file thing 5
-- layer --
file f 20 seed=a mode=0600 uid=1 gid=2 mtime=1700000001
file same 10 seed=b mtime=1700000000.5
dir d mode=1777
symlink s -> two
char c 1:3
file caps 5 xattr:security.capability=x xattr:user.other=2
symlink thing -> s
`)
	for path, want := range map[string]string{
		"/f":     "size 20 B ← 10 B, mode 0600 ← 0644, owner 1:2 ← 0:0, time 2023-11-14 22:13:21 ← 2023-11-14 22:13:20",
		"/same":  "other content of the same size, time by less than a second",
		"/d":     "mode 1777 ← 0755",
		"/s":     "link two ← one",
		"/c":     "device 1,3 ← 1,2",
		"/caps":  "xattr security.capability added, xattr user.gone removed, xattr user.other changed",
		"/thing": "type symlink ← file, mode 0777 ← 0644",
	} {
		n, ok := a.Tree.Lookup(path)
		below, ok1 := a.Tree.InLayer(n, 0)
		v, ok2 := a.Tree.InLayer(n, 1)
		if !ok || !ok1 || !ok2 {
			t.Fatalf("%s doesn't have two versions", path)
		}
		if got := strings.Join(Differences(below, v), ", "); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestMode(t *testing.T) {
	a := analysis(t, `
-- layer --
file a 1 mode=0640
file b 1 mode=7777
file c 1 mode=7000
dir d mode=1755
fifo e mode=2710
char f 1:2
block g 1:2
symlink h -> a
hardlink i -> b mode=7777
file j/k 1
`)
	for path, want := range map[string]string{
		"/a": "-rw-r-----", "/b": "-rwsrwsrwt", "/c": "---S--S--T", "/d": "drwxr-xr-t", "/e": "prwx--s---",
		"/f": "crw-r--r--", "/g": "brw-r--r--", "/h": "lrwxrwxrwx", "/i": "hrwsrwsrwt", "/j": "d?????????",
	} {
		n, _ := a.Tree.Lookup(path)
		v, ok := a.Tree.At(n, 0)
		if got := Mode(v); !ok || got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// broken is a writer that fails.
type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrors(t *testing.T) {
	a := analysis(t, "-- layer --\nfile a 5\n")
	v, _ := a.Tree.At(1, 0)
	for name, err := range map[string]error{
		"Text":     Text(broken{}, a, nil),
		"HTML":     HTML(t.Context(), broken{}, a, nil),
		"JSON":     JSON(broken{}, a, nil),
		"Markdown": Markdown(broken{}, a, nil),
		"History":  History(broken{}, a, 1),
		"ListJSON": ListJSON(broken{}, "/a", v),
		"ListLine": ListLine(broken{}, "a", v, false),
	} {
		if !errors.Is(err, errBroken) {
			t.Errorf("%s returns %v", name, err)
		}
	}
}

func TestSchemaName(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, analysis(t, "-- layer --\n"), nil); err != nil {
		t.Fatal(err)
	}
	if want := `"schema": "` + Schema + `"`; !strings.Contains(b.String(), want) {
		t.Errorf("the report lacks %s", want)
	}
}

// rowsAt returns rows of waste that all have the same path.
func rowsAt(rows analyze.WasteRows, path string) analyze.WasteRows {
	var out []analyze.Waste
	for _, w := range rows.All() {
		out = append(out, w.At(path))
	}
	return analyze.RowsOf(out)
}
