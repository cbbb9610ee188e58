package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// TestCacheFlag runs the reports with a full cache, an empty cache and none, on images in every
// cached form. The output must be identical.
func TestCacheFlag(t *testing.T) {
	f, err := testkit.Parse(story)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	files := map[string][]byte{}
	for _, shape := range testkit.Sample([]string{"oci-tar", "oci-tar-zstd", "oci-mixed", "oci-estargz", "kaniko", "containerd", "docker-20.gz", "docker-20.zst"}) {
		files[shape] = testkit.ShapeNamed(shape).Archive(f)
	}
	for _, name := range []string{"docker20.tar", "docker29.tar"} {
		files[name] = []byte(read(t, filepath.Join("../testdata", name)))
		files[name+".gz"] = testkit.Gzip(files[name])
	}
	t.Chdir(t.TempDir())
	for name, data := range files {
		write(t, name, data)
		for _, args := range [][]string{{"report", "-f", "json", name}, {"ls", "-R", "--json", name}} {
			want := must(t, append(args, "--no-cache")...)
			for _, run := range []string{"cold", "warm"} {
				if got := must(t, args...); got != want {
					t.Errorf("peel %q %s: got\n%s\nwithout a cache\n%s", args, run, got, want)
				}
			}
		}
	}
}

func TestCacheCommand(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", home)
	inFolder(t, "oci-tar", story)
	dir := filepath.Join(home, "peel")
	if out := must(t, "cache", "info"); out != dir+"\n0 files, 0 B\n" {
		t.Errorf("info without a folder: got %q", out)
	}
	must(t, "report", "app.tar", "--no-cache")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("--no-cache makes the folder: got %v", err)
	}
	must(t, "report", "app.tar")
	must(t, "report", "app.tar")
	info := must(t, "cache", "info")
	if !strings.HasPrefix(info, dir+"\n5 files, ") {
		t.Errorf("info: %q", info)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 5 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, e := range entries {
		got, err := e.Info()
		if err != nil || got.Mode().Perm() != 0o600 || time.Since(got.ModTime()) > time.Hour {
			t.Errorf("%s: %v, %v", e.Name(), got.Mode(), err)
		}
	}
	write(t, filepath.Join(dir, "mine"), nil)
	if out := must(t, "cache", "clear"); !strings.HasPrefix(out, dir+"\nremoved 5 files, ") {
		t.Errorf("clear: %q", out)
	}
	if out := must(t, "cache", "info"); out != dir+"\n0 files, 0 B\n" {
		t.Errorf("info after clearing: got %q", out)
	}
	if _, err := os.Stat(filepath.Join(dir, "mine")); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		args string
		says string
	}{
		{"cache", "peel: peel cache needs a command\n"},
		{"cache wat", "peel: unknown command \"cache wat\"\n"},
		{"cache info x", "peel: peel cache info takes no arguments, but got 1 argument\n"},
	} {
		if r := peel(strings.Fields(c.args)...); r.code != exitUsage || !strings.HasPrefix(r.err, c.says) {
			t.Errorf("peel %s: got exit code %d, %q", c.args, r.code, r.err)
		}
	}
}
