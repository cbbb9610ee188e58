package cmd

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
)

// squashable returns an image of a base layer and three other layers, with files that are
// covered, removed, linked and sparse.
func squashable() *testkit.Image {
	file := func(name, text string) testkit.Entry {
		return testkit.Entry{Type: '0', Name: name, Mode: 0o644, Time: testkit.DefaultTime, Text: text, Size: int64(len(text))}
	}
	dir := func(name string) testkit.Entry {
		return testkit.Entry{Type: '5', Name: name, Mode: 0o750, Time: testkit.DefaultTime}
	}
	link := func(name, to string) testkit.Entry {
		return testkit.Entry{Type: '1', Name: name, Link: to, Mode: 0o644, Time: testkit.DefaultTime}
	}
	return &testkit.Image{
		Tag: "fixture:1", Platform: "linux/amd64",
		Steps: []testkit.Step{{Command: "FROM base"}, {Command: "ENV a=b", Empty: true}, {Command: "RUN one"}, {Command: "USER x", Empty: true}, {Command: "RUN two"}, {Command: "RUN three"}},
		Layers: []*testkit.Layer{
			{Entries: []testkit.Entry{dir("etc"), file("etc/a", "a of the base"), dir("old"), file("old/1", "1"), file("old/2", "2"), file("old/3", "3"), file("keep", "kept")}},
			{Entries: []testkit.Entry{file("app", "first"), dir("srv"), file("srv/big", "big and gone"), file("etc/.wh.a", ""), link("kept", "keep")}},
			{Entries: []testkit.Entry{file("app", "second"), file("srv/.wh.big", ""), file("old/.wh..wh..opq", ""), file("old/4", "4"), link("app2", "app")}},
			{Entries: []testkit.Entry{
				file("etc/b", "b"),
				{Type: '0', Name: "sparse", Mode: 0o600, Time: testkit.DefaultTime, Size: 1 << 20, Sparse: "1.0", Data: []testkit.Span{{Offset: 4096, Length: 100}, {Offset: 1<<20 - 10, Length: 10}}},
			}},
		},
	}
}

// TestSquashForms writes an image in each form and compares what it shows, and the layers that
// stay, with the original.
func TestSquashForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, shape, output, compress, media string }{
		{"docker archive", "docker-20", "new.tar", "", ""},
		{"docker archive with its prefix", "docker-20", "docker-archive:new.tar", "", ""},
		{"docker archive, gzip", "docker-20", "new.tar", "gzip", ""},
		{"docker archive of packed layers", "oci-tar", "new.tar", "", ""},
		{"OCI archive", "docker-20", "oci-archive:new.tar", "", "application/vnd.oci.image.layer.v1.tar"},
		{"OCI archive, zstd", "oci-tar", "oci-archive:new.tar", "zstd", "application/vnd.oci.image.layer.v1.tar+zstd"},
		{"OCI folder, gzip", "oci-mixed", "oci:new", "gzip", "application/vnd.oci.image.layer.v1.tar+gzip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			im := squashable()
			file := writeImage(t, c.shape, im)
			form, name, ok := strings.Cut(c.output, ":")
			if !ok {
				form, name = "docker-archive", c.output
			}
			ref := form + ":" + filepath.Join(filepath.Dir(file), name)
			args := []string{"squash", file, "--base", "1", "-o", ref}
			if c.compress != "" {
				args = append(args, "--compress", c.compress)
			}
			if r := peel(args...); r.code != 0 {
				t.Fatal(r.err)
			}
			before, after := analysed(t, file), analysed(t, ref)
			if n := len(after.Image.Layers); n != 2 {
				t.Fatalf("got %d layers, want 2", n)
			}
			if before.Image.Layers[0].DiffID != after.Image.Layers[0].DiffID {
				t.Error("the base layer's diffID changed")
			}
			if c.media != "" && after.Image.Layers[1].MediaType != c.media {
				t.Errorf("the merged layer is %s, want %s", after.Image.Layers[1].MediaType, c.media)
			}
			if form != "docker-archive" && c.shape == "oci-tar" && before.Image.Layers[0].Digest != after.Image.Layers[0].Digest {
				t.Error("the base layer's blob changed")
			}
			if n := strings.Count(must(t, "ls", ref, "-R", "/"), "\n"); n != strings.Count(must(t, "ls", file, "-R", "/"), "\n") {
				t.Errorf("got %d paths, which differs from the original", n)
			}
			if must(t, "cat", file, "/sparse") != must(t, "cat", ref, "/sparse") {
				t.Error("the sparse file's content differs")
			}
			if after.Totals.Visible != before.Totals.Visible {
				t.Errorf("got %d visible bytes, want %d", after.Totals.Visible, before.Totals.Visible)
			}
		})
	}
}

// TestSquashMembers checks the members of a merged layer against the rules in docs/rules.md.
func TestSquashMembers(t *testing.T) {
	t.Parallel()
	file := writeImage(t, "docker-20", squashable())
	out := filepath.Join(filepath.Dir(file), "new.tar")
	if r := peel("squash", file, "--base", "1", "-o", out); r.code != 0 {
		t.Fatal(r.err)
	}
	var got []string
	for _, e := range readPlainly(t, out).Layers[1].Entries {
		got = append(got, strings.TrimSpace(string(e.Type)+" "+e.Name+" "+e.Link))
	}
	want := []string{
		"5 etc/",             // merged-parents: with mode 0750
		"0 etc/.wh.a",        // merged-whiteout
		"5 old/",             // merged-parents
		"0 old/.wh..wh..opq", // merged-opaque: three whiteouts saved
		"5 srv/",             // merged-brings: srv/big is gone
		"0 app",              // only the second one, under its first name
		"0 old/4",
		"0 etc/b",
		"0 sparse",    // merged-sparse
		"1 app2 app",  // merged-links
		"1 kept keep", // merged-link-below
	}
	if !slices.Equal(got, want) {
		t.Errorf("got merged layer\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestSquashHistory checks the config's history afterwards.
func TestSquashHistory(t *testing.T) {
	t.Parallel()
	file := writeImage(t, "docker-20", squashable())
	out := filepath.Join(filepath.Dir(file), "new.tar")
	if r := peel("squash", file, "--layers", "1..2", "-o", out, "--name", "other:2"); r.code != 0 {
		t.Fatal(r.err)
	}
	a := analysed(t, out)
	var got []string
	for _, s := range a.Image.History {
		text := s.Command
		if s.Empty {
			text += " (no layer)"
		}
		got = append(got, text)
	}
	want := []string{"FROM base", "ENV a=b (no layer)", "RUN one (no layer)", "USER x (no layer)", "RUN two (no layer)", "peel squash --layers 1..2", "RUN three"}
	if !slices.Equal(got, want) {
		t.Errorf("got history\n%q\nwant\n%q", got, want)
	}
	if len(a.Flaws) > 0 || a.Image.Name != "other:2" || !a.Image.Created.Equal(analysed(t, file).Image.Created) {
		t.Errorf("got flaws %v, name %s, created %s", a.Flaws, a.Image.Name, a.Image.Created)
	}
}

// TestSquashNothing checks that images with nothing to merge are written unchanged.
func TestSquashNothing(t *testing.T) {
	t.Parallel()
	file := writeImage(t, "docker-20", squashable())
	for _, base := range []string{"3", "4"} {
		out := filepath.Join(filepath.Dir(file), base+".tar")
		r := peel("squash", file, "--base", base, "-o", out)
		if r.code != 0 || !strings.Contains(r.err, "nothing to merge") {
			t.Fatal(r.code, r.err)
		}
		a, b := analysed(t, file).Image, analysed(t, out).Image
		if a.ID != b.ID {
			t.Errorf("--base %s: the config differs", base)
		}
		for i := range a.Layers {
			if a.Layers[i].DiffID != b.Layers[i].DiffID {
				t.Errorf("--base %s: layer %d differs", base, i)
			}
		}
	}
}

// TestSquashRefuses checks what is an error, and that nothing is left behind.
func TestSquashRefuses(t *testing.T) {
	t.Parallel()
	file := writeImage(t, "docker-20", squashable())
	dir := filepath.Dir(file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) string {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	baseChanged := write("base-changed.tar", bytes.Replace(text, []byte("a of the base"), []byte("A OF THE BASE"), 1))
	ownChanged := write("own-changed.tar", bytes.Replace(text, []byte("second"), []byte("SECOND"), 1))
	there := write("there.tar", []byte("mine"))
	index := filepath.Join(dir, "app.index")
	must(t, "index", file, "-o", index)
	out := filepath.Join(dir, "out.tar")
	if err := os.MkdirAll(filepath.Join(dir, "full", "x"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no output", []string{file}, 2, "-o is missing"},
		{"an existing file", []string{file, "-o", there}, 3, "already exists"},
		{"a folder that is not empty", []string{file, "-o", "oci:" + filepath.Join(dir, "full")}, 3, "new or empty folder"},
		{"over the image itself", []string{file, "-o", file, "--force"}, 2, "which peel is reading"},
		{"a layer that doesn't exist", []string{file, "-o", out, "--layers", "1..9"}, 3, "0 to 3"},
		{"layers in reverse order", []string{file, "-o", out, "--layers", "2..1"}, 2, "the lower first"},
		{"an index", []string{"index:" + index, "-o", out}, 3, "its content is not here"},
		{"a registry that is not named", []string{file, "-o", "registry://a/b"}, 3, "which registry to push to"},
		{"an engine", []string{file, "-o", "docker://a/b"}, 2, "cannot be written there"},
		{"an unknown compression", []string{file, "-o", out, "--compress", "xz"}, 2, "xz"},
		{"a base that was changed", []string{baseChanged, "--base", "1", "-o", out}, 3, "does not match its digest"},
		{"a layer that was changed", []string{ownChanged, "--base", "1", "-o", out}, 3, "does not match its digest"},
		{"the same over an existing file", []string{ownChanged, "--base", "1", "-o", there, "--force"}, 3, "does not match its digest"},
		{"the same into a folder", []string{ownChanged, "--base", "1", "-o", "oci:" + filepath.Join(dir, "layout")}, 3, "does not match its digest"},
		{"the same to standard output", []string{ownChanged, "--base", "1", "-o", "-"}, 3, "does not match its digest"},
	} {
		r := peel(append([]string{"squash"}, c.args...)...)
		if r.code != c.code || !strings.Contains(r.err, c.says) || r.out != "" {
			t.Errorf("%s: got exit code %d, output %q, wrote %d bytes", c.name, r.code, r.err, len(r.out))
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 6 {
		t.Errorf("left behind: %v", left)
	}
	if b, _ := os.ReadFile(there); string(b) != "mine" {
		t.Error("the existing file changed")
	}
}

// TestSquashVerifies checks that a new image that shows something else is an error.
func TestSquashVerifies(t *testing.T) {
	t.Parallel()
	other := squashable()
	other.Layers[3].Entries[0].Text = "B"
	other.Layers[2].Entries[3].Mode = 0o600
	other.Layers[1].Entries = slices.Delete(other.Layers[1].Entries, 4, 5)
	a, b := analysed(t, writeImage(t, "docker-20", squashable())), analysed(t, writeImage(t, "docker-20", other))
	got, err := analyze.SameUnion(t.Context(), a.Tree, b.Tree, func(p, q analyze.ContentPlace) bool {
		return p == q && p.Layer != 3
	})
	want := []string{"/kept is missing", "/sparse has other content", "/etc/b has other content", "/old/4 has other attributes"}
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("differs: %q, %v", got, err)
	}
}

// TestSquashConfig checks that unknown fields stay in the config.
func TestSquashConfig(t *testing.T) {
	t.Parallel()
	file := writeImage(t, "docker-20", squashable())
	out := filepath.Join(filepath.Dir(file), "new.tar")
	if r := peel("squash", file, "--base", "0", "-o", out); r.code != 0 {
		t.Fatal(r.err)
	}
	fields := func(file string) map[string]any {
		members := membersOf(t, file)
		var list []struct{ Config string }
		var x map[string]any
		if err := json.Unmarshal(members["manifest.json"], &list); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(members[list[0].Config], &x); err != nil {
			t.Fatal(err)
		}
		return x
	}
	a, b := fields(file), fields(out)
	for key := range a {
		x, _ := json.Marshal(a[key])
		y, _ := json.Marshal(b[key])
		if key != "rootfs" && key != "history" && !bytes.Equal(x, y) {
			t.Errorf("%s is %s, was %s", key, y, x)
		}
	}
}
