package packages

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/glebarez/go-sqlite" // the driver with which go-rpmdb reads SQLite databases
	rpmdb "github.com/knqyf263/go-rpmdb/pkg"

	"github.com/peelhq/peel/internal/testkit"
)

// rpmSamples returns the databases of many distributions that come with go-rpmdb.
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

// TestRpmDatabases checks that real databases of all three formats give the same packages and
// files as go-rpmdb.
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

// referenceOf returns a database's packages as go-rpmdb reads them.
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
		if f != "/" { // no file has this path
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

// TestDamagedRpmDatabases checks that a damaged database is a problem that names the database,
// and that its false sizes don't cost memory.
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
				t.Errorf("%s, cut off at %d: no problem reported", name, keep)
			}
		}
		for at := 0; at < min(len(b), 64<<10); at += testkit.Stride(997) {
			broken := slices.Clone(b)
			for i := range 4 {
				broken[min(at+i, len(b)-1)] = 0xff
			}
			drawn(t, "var/lib/rpm/"+filepath.Base(file), 0o644, broken) // must not panic or hang
		}
	}
}
