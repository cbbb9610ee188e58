package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestIndexEqualsImage checks that every command prints the same for an index as for its image,
// except for the source.
func TestIndexEqualsImage(t *testing.T) {
	for i, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		shapes := f.Shapes()
		shape := shapes[i%len(shapes)]
		t.Run(f.Name+"/"+shape.Name, func(t *testing.T) {
			image, index := shape.Write(t, f), "index:"+filepath.Join(t.TempDir(), "index")
			if len(f.Images) != 1 {
				t.Skip("several images")
			}
			must(t, "index", image, "-o", strings.TrimPrefix(index, "index:"))
			for k, command := range [][]string{
				{"report", "IMAGE", "-f", "json"}, {"report", "IMAGE"}, {"report", "IMAGE", "-f", "markdown"},
				{"check", "IMAGE", "-f", "json", "--min-efficiency", "0", "--max-user-wasted", "1"},
				{"ls", "IMAGE", "-R", "--json"}, {"ls", "IMAGE", "-R", "-l"},
				{"diff", "IMAGE", image, "-f", "json"}, {"diff", image, "IMAGE"},
			} {
				if testing.Short() && k%4 != i%4 {
					continue
				}
				of := func(ref string) string {
					args := append([]string{}, command...)
					for k := range args {
						args[k] = strings.ReplaceAll(args[k], "IMAGE", ref)
					}
					var lines []string
					for line := range strings.Lines(must(t, args...)) {
						if !strings.Contains(line, "read from") && !strings.Contains(line, `"source"`) {
							lines = append(lines, line)
						}
					}
					return strings.Join(lines, "")
				}
				if is, was := of(index), of(image); is != was {
					t.Errorf("%s of the index:\n%s\nof the image:\n%s", command[0], is, was)
				}
			}
		})
	}
}

// TestIndexCommand writes an index to a given file, and checks errors.
func TestIndexCommand(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "app.index")
	const image = "../testdata/sample.tar"
	printed := must(t, "index", image, "-o", "-")
	must(t, "index", image, "-o", file)
	if read(t, file) != printed {
		t.Error("the index on standard output differs")
	}
	if must(t, "report", file) != must(t, "report", "index:"+file) {
		t.Error("without index: the name gives another index")
	}
	must(t, "index", "index:"+file, "-o", file+"2")
	if read(t, file+"2") != printed {
		t.Error("the index of an index differs")
	}
	stdin, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if r := peelIn(stdin, "index", "-", "-o", file+"3"); r.code != 0 || read(t, file+"3") != printed {
		t.Errorf("from standard input: got %+v", r)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"index", image}, 2, "-o is missing"},
		{[]string{"index", "index:" + file, "-o", file}, 2, "which peel is reading"},
		{[]string{"index", image, "-o", filepath.Join(dir, "none", "x")}, 3, "cannot write the index to"},
		{[]string{"report", "docker-archive:" + file}, 3, "open it with index: before its name"},
		{[]string{"cat", "index:" + file, "/etc/os-release"}, 3, "its content is not here: an index has only the names, sizes and checksums of files"},
		{[]string{"extract", "index:" + file, "/etc", "-o", filepath.Join(dir, "out")}, 3, "its content is not here"},
		{[]string{"report", "index:" + image}, 3, "not an index, as peel index writes it"},
	} {
		if r := peel(test.args...); r.code != test.code || !strings.Contains(r.err, test.want) {
			t.Errorf("peel %q: got code %d, %s, want %d, %q", test.args, r.code, r.err, test.code, test.want)
		}
	}
}
