package packages

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/glebarez/go-sqlite" // with which go-rpmdb reads databases of SQLite
	rpmdb "github.com/knqyf263/go-rpmdb/pkg"

	"github.com/peelhq/peel/internal/testkit"
)

// rpmSamples returns the databases that come with go-rpmdb, of many distributions.
func rpmSamples(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/knqyf263/go-rpmdb").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "pkg", "testdata", "*", "*"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d databases, %v", len(files), err)
	}
	return files
}

// Real databases of all three formats hold the packages and files that go-rpmdb reads
// of them.
func TestRpmDatabases(t *testing.T) {
	for _, file := range testkit.Sample(rpmSamples(t)) {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := drawn(t, "var/lib/rpm/"+filepath.Base(file), 0o644, b)
			if len(got.Problems) > 0 {
				t.Errorf("problems: %q", got.Problems)
			}
			have := map[string]bool{}
			for _, p := range got.Packages {
				have[rpmLine(p.Name, p.Version, pathsOf(&p))] = true
			}
			want := referenceOf(t, file)
			if len(want) < 1 || len(got.Packages) != len(want) {
				t.Errorf("%d packages, want %d", len(got.Packages), len(want))
			}
			for _, line := range want {
				if !have[line] {
					t.Errorf("not read: %.200s", line)
				}
			}
		})
	}
}

// referenceOf returns the packages of a database by go-rpmdb.
func referenceOf(t *testing.T, file string) (lines []string) {
	t.Helper()
	db, err := rpmdb.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	all, err := db.ListPackages()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		version := p.Version + "-" + p.Release
		if p.Epoch != nil {
			version = fmt.Sprintf("%d:%s", *p.Epoch, version)
		}
		names, err := p.InstalledFileNames()
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, rpmLine(p.Name, version, names))
	}
	return lines
}

func rpmLine(name, version string, files []string) string {
	var clean []string
	for _, f := range files {
		if f != "/" { // no file has that path
			clean = append(clean, "/"+cleanPath(f))
		}
	}
	slices.Sort(clean)
	return name + " " + version + " " + strings.Join(slices.Compact(clean), " ")
}

func pathsOf(p *Package) (out []string) {
	for _, d := range p.Dirs {
		for _, name := range d.Names {
			out = append(out, d.Path+"/"+name)
		}
	}
	return out
}

// A damaged database is a problem with its name, and what it claims costs nothing.
func TestDamagedRpmDatabases(t *testing.T) {
	for _, file := range rpmSamples(t) {
		name := filepath.Base(filepath.Dir(file))
		if name != "libuuid" && name != "sle15-bci" && name != "cbl-mariner-2.0" {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, keep := range []int{1, 19, 30, 100, 4096, len(b) / 2, len(b) - 5000} {
			got := drawn(t, "var/lib/rpm/"+filepath.Base(file), 0o644, b[:keep])
			if len(got.Problems) == 0 {
				t.Errorf("%s, cut off at %d: no problem", name, keep)
			}
		}
		for at := 0; at < min(len(b), 64<<10); at += testkit.Stride(997) {
			broken := slices.Clone(b)
			for i := range 4 {
				broken[min(at+i, len(b)-1)] = 0xff
			}
			drawn(t, "var/lib/rpm/"+filepath.Base(file), 0o644, broken) // does not panic or hang
		}
	}
}
