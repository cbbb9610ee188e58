//go:build unix

package cmd

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/peelhq/peel/internal/testkit"
)

func TestExtractLeavesOutDevices(t *testing.T) {
	inFolder(t, "docker-25", `
-- layer --
dir dev
char dev/null 1:3
block dev/sda 8:0
fifo "dev/pi\x1bpe"
hardlink dev/lost -> nowhere
file dev/f 3
`)
	said := extracted(t, "/dev", "-o", "out")
	for _, want := range []string{
		"left out dev/null: a character device\n", "left out dev/sda: a block device\n",
		`left out dev/pi\x1bpe: a named pipe` + "\n", "left out dev/lost: ", "1 file, 3 B written to out\n",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("output lacks %q:\n%s", want, said)
		}
	}
	sameTree(t, "out", "drwxr-xr-x dev", "-rw-r--r-- dev/f")
}

func TestExtractHardLinks(t *testing.T) {
	inFolder(t, "docker-25", `
-- layer --
file a 3000 seed=a
symlink s -> a
-- layer --
hardlink b -> a
hardlink c -> a
file .wh.a
hardlink s2 -> s
`)
	extracted(t, "/", "-o", "out")
	sameTree(t, "out", "-rw-r--r-- b", "-rw-r--r-- c", "L s -> a", "L s2 -> a")
	if !os.SameFile(lstat(t, "out/b"), lstat(t, "out/c")) || len(read(t, "out/b")) != 3000 {
		t.Error("b and c aren't the same file of 3000 bytes")
	}
	extracted(t, "/c", "-o", "alone")
	if read(t, "alone/c") != read(t, "out/b") {
		t.Error("the content of a link extracted alone differs")
	}
}

func TestExtractSparse(t *testing.T) {
	size, end := testkit.Size(int64(40<<20), 4<<20), testkit.Size(int64(8<<20), 1<<20)
	inFolder(t, "docker-25", fmt.Sprintf(`
-- layer --
file log/lastlog %d sparse=1.0 data=0+512,%d+512
file end %d sparse=gnu data=4096+4096
`, size, size/2, end))
	extracted(t, "/", "-o", "out")
	info := lstat(t, "out/log/lastlog")
	if info.Size() != size {
		t.Fatalf("%d bytes, want %d", info.Size(), size)
	}
	if used := info.Sys().(*syscall.Stat_t).Blocks * 512; used > size/4 {
		t.Errorf("it takes %d bytes on disk", used)
	}
	if read(t, "out/log/lastlog") != must(t, "cat", "app.tar", "/log/lastlog") {
		t.Error("the content differs")
	}
	if got := lstat(t, "out/end").Size(); got != end {
		t.Errorf("a file with a hole at its end has %d bytes", got)
	}
}

// TestExtractShapes checks that every shape gives the same files, and that each compressed
// layer is read once.
func TestExtractShapes(t *testing.T) {
	var want map[string]string
	for _, shape := range []string{"docker-20", "docker-25", "oci-tar", "oci-tar-zstd", "oci-tar.gz", "oci-mixed", "containerd-reversed"} {
		t.Run(shape, func(t *testing.T) {
			inFolder(t, shape, story)
			extracted(t, "/", "-o", "out")
			got := map[string]string{}
			for _, line := range tree(t, "out") {
				got[line] = ""
				if line[0] == '-' || line[0] == 'u' {
					got[line] = read(t, filepath.Join("out", line[strings.Index(line, " ")+1:]))
				}
			}
			if want == nil {
				want = got
			}
			if !maps.Equal(got, want) {
				t.Errorf("the result differs from the first shape's")
			}
			r := peelIn(strings.NewReader(read(t, "app.tar")), "extract", "-", "/", "-o", "piped")
			if r.code != 0 || !slices.Equal(tree(t, "out"), tree(t, "piped")) {
				t.Errorf("from standard input: got exit code %d: %s", r.code, r.err)
			}
		})
	}
}

// TestExtractRemovesWhatIsBroken checks that a file that can't be written completely isn't left
// behind.
func TestExtractRemovesWhatIsBroken(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	u := &unpacker{ctx: t.Context(), root: root}
	for _, size := range []int64{100, draftSize + 1} {
		r := io.MultiReader(strings.NewReader("some of it"), iotest.ErrReader(io.ErrUnexpectedEOF))
		if err := u.file(item{name: "f"}, size, &content{r: r}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got error %v", err)
		}
	}
	sameTree(t, root.Name())
}
