package integration

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// registryForm is one form of an image's layers in a registry, written by a real tool or by the
// library that such tools use.
type registryForm struct {
	name   string
	push   func(t *testing.T, from, to string) // from a docker archive to "HOST/REPO:TAG"
	media  string                              // suffix of every layer's media type
	annot  string                              // an annotation of every layer; "" if none is needed
	listed string                              // how peel says that the layers are listed; "" if they are read
	alone  []string                            // other parts of the report that depend on the form
}

// byTables pushes an image whose layers are written by the program in testdata/tables.
func byTables(program, form string) func(t *testing.T, from, to string) {
	return func(t *testing.T, from, to string) {
		t.Helper()
		dir := t.TempDir()
		plain, made := filepath.Join(dir, "plain"), filepath.Join(dir, "made")
		run(t, "skopeo", "copy", "-q", "docker-archive:"+from, "oci:"+plain)
		run(t, program, plain, form, made)
		run(t, "skopeo", "copy", "-q", "--dest-tls-verify=false", "oci:"+made, "docker://"+to)
	}
}

// bySkopeo pushes an image with these flags.
func bySkopeo(flags ...string) func(t *testing.T, from, to string) {
	return func(t *testing.T, from, to string) {
		t.Helper()
		args := append([]string{"copy", "-q", "--format", "oci", "--dest-tls-verify=false"}, flags...)
		run(t, "skopeo", append(args, "docker-archive:"+from, "docker://"+to)...)
	}
}

// TestEveryFormInARegistryGivesTheSame pushes the built image to a real registry with its
// layers in every possible form. Reports, listings, contents and extracted files must be those
// of the archive. Each form has its own registry, because skopeo reuses a blob from an earlier
// push even in another form.
func TestEveryFormInARegistryGivesTheSame(t *testing.T) {
	needRegistry(t)
	b := builtImage(t)
	peel := buildProgram(t)
	tables := filepath.Join(t.TempDir(), "tables")
	run(t, "go", "-C", "testdata/tables", "build", "-o", tables, ".") // a separate module
	testkit.NoEngines(t)

	look := func(ref string, args ...string) string {
		t.Helper()
		out, _ := peel.run(t, form{}, append([]string{args[0], ref}, args[1:]...)...)
		return string(out)
	}
	unpacked := func(ref string) string {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "out")
		look(ref, "extract", "/data", "-o", dir)
		return treeOf(t, dir)
	}
	asked := [][]string{
		{"ls", "-R", "-l"}, {"ls", "-R", "--json", "--layer", "1"}, {"log", "/data/conf"},
		{"cat", "/etc/settings"}, {"cat", "/step"}, {"cat", "/data/two"}, {"cat", "/data/kept"}, {"cat", "/data/empty"},
		{"cat", "/data/conf", "--layer", "1"}, {"cat", "/data/big", "--layer", "3"}, {"cat", "/data/opaque/deep/f3", "--layer", "1"},
	}
	archive := look(b.saved, "report", "-f", "json")
	wantTree := unpacked(b.saved)

	for _, f := range []registryForm{
		{name: "gzip", push: bySkopeo(), media: "tar+gzip"},
		{name: "zstd", push: bySkopeo("--dest-compress-format", "zstd"), media: "tar+zstd"},
		{name: "zstd:chunked of skopeo", push: bySkopeo("--dest-compress-format", "zstd:chunked"), media: "tar+zstd", annot: "zstd-chunked.manifest-checksum", listed: "zstd:chunked"},
		{name: "zstd:chunked", push: byTables(tables, "zstd-chunked"), media: "tar+zstd", annot: "io.github.containers.zstd-chunked.manifest-checksum", listed: "zstd:chunked"},
		{name: "eStargz", push: byTables(tables, "estargz"), media: "tar+gzip", annot: "containerd.io/snapshot/stargz/toc.digest", listed: "eStargz", alone: []string{"diffId"}}, // its tar contains the table
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			r := serveRegistry(t, t.TempDir(), "", "")
			name := r.host + "/me/built:1"
			f.push(t, b.saved, name)
			f.isIn(t, name)
			ref := "registry://" + name
			want := reportOf(t, archive, f.alone)
			for _, again := range []string{"", ", opened again"} {
				got := reportOf(t, look(ref, "report", "-f", "json"), f.alone)
				for i, by := range got.listedBy {
					if by != f.listed {
						t.Errorf("layer %d%s is listed by %q, want %q", i, again, by, f.listed)
					}
				}
				if got.figures != want.figures {
					t.Errorf("figures differ%s: got\n%s\nwant\n%s", again, got.figures, want.figures)
				}
			}
			for _, args := range asked {
				if got, same := look(ref, args...), look(b.saved, args...); got != same {
					t.Errorf("peel %q prints %.300q, for the archive %.300q", args, got, same)
				}
			}
			if got := unpacked(ref); got != wantTree {
				t.Errorf("extracted files differ from the archive's:\n%s", got)
			}
			got := reportOf(t, look(ref, "report", "-f", "json", "--verify"), f.alone)
			if strings.Join(got.listedBy, "") != "" || got.figures != want.figures {
				t.Errorf("verified, listed by %q: got\n%s\nwant\n%s", got.listedBy, got.figures, want.figures)
			}
		})
	}
}

// isIn checks that every layer in the registry has this form.
func (f registryForm) isIn(t *testing.T, name string) {
	t.Helper()
	var m struct {
		Layers []struct {
			MediaType   string
			Annotations map[string]string
		}
	}
	text := run(t, "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://"+name)
	if err := json.Unmarshal([]byte(text), &m); err != nil || len(m.Layers) == 0 {
		t.Fatalf("%v in %s", err, text)
	}
	for i, l := range m.Layers {
		var keys strings.Builder
		for key := range l.Annotations {
			keys.WriteString(key + " ")
		}
		if !strings.HasSuffix(l.MediaType, f.media) || !strings.Contains(keys.String(), f.annot) {
			t.Fatalf("layer %d is %s with the annotations %s, which isn't the requested form", i, l.MediaType, keys.String())
		}
	}
}

// formReport is a report, split into the part that must be the same for every form and how each
// layer is listed.
type formReport struct {
	figures  string
	listedBy []string
}

func reportOf(t *testing.T, text string, without []string) formReport {
	t.Helper()
	var report struct {
		Layers []struct{ ListedBy string }
	}
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	r := formReport{figures: figuresOf(t, []byte(text), without...)}
	for _, l := range report.Layers {
		r.listedBy = append(r.listedBy, l.ListedBy)
	}
	return r
}

// treeOf describes a folder: every path with its mode, size, time and content, and which paths
// are the same file.
func treeOf(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	var files []fs.FileInfo
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, content := strings.TrimPrefix(path, dir), ""
		switch {
		case info.Mode().IsRegular():
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = fmt.Sprintf("%d %x", len(text), sha256.Sum256(text))
			for i, other := range files {
				if os.SameFile(info, other) {
					content += fmt.Sprintf(" as file %d", i)
				}
			}
			files = append(files, info)
		case info.Mode()&fs.ModeSymlink != 0:
			content, err = os.Readlink(path)
		}
		fmt.Fprintf(&out, "%s %v %s %s\n", name, info.Mode(), info.ModTime().UTC().Format(time.RFC3339), content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}
