package integration

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/glebarez/go-sqlite" // the driver with which go-rpmdb reads SQLite databases
	rpmdb "github.com/knqyf263/go-rpmdb/pkg"
)

// These tests use trees that the package managers themselves made. For each package, the
// visible bytes must be those of the files that its manager lists, and all rows must add up to
// the image.

// needTools skips a test that builds and installs packages unless all the tools it needs are
// installed.
func needTools(t *testing.T, tools ...string) {
	t.Helper()
	if os.Getenv("PEEL_INTEGRATION") != "require" {
		t.Skip("builds and installs packages: set PEEL_INTEGRATION=require to run it")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("PEEL_INTEGRATION=require, but %s isn't installed", tool)
		}
	}
}

// listedPackages has the fields of the JSON of peel packages that these tests read.
type listedPackages struct {
	Totals   byteCounts
	Packages []listedPackage
	Unowned  byteCounts
	Flaws    []any
}

type byteCounts struct{ StoredBytes, VisibleBytes, WastedBytes int64 }

type listedPackage struct {
	Name, Version, Type string
	byteCounts
	SharedBytes int64
	Installed   bool
}

// packagesIn lists the packages of a folder, and checks that all rows add up to the folder.
func packagesIn(t *testing.T, peel program, root string) *listedPackages {
	t.Helper()
	out := run(t, string(peel), "packages", "dir:"+root, "-f", "json")
	var p listedPackages
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatal(err)
	}
	sum := p.Unowned
	for _, x := range p.Packages {
		sum.StoredBytes += x.StoredBytes
		sum.VisibleBytes += x.VisibleBytes
		sum.WastedBytes += x.WastedBytes
	}
	if sum != p.Totals {
		t.Errorf("rows add up to %+v, but the image has %+v", sum, p.Totals)
	}
	if len(p.Flaws) > 0 {
		t.Errorf("flaws: %v", p.Flaws)
	}
	return &p
}

// bytesOf adds up the regular files at the given paths of a tree, each inode once. The
// directories of a path may be symlinks.
func bytesOf(t *testing.T, root string, paths []string) (bytes int64) {
	t.Helper()
	type look struct{ size, time int64 } // identifies what may be one inode
	seen := map[look][]fs.FileInfo{}
next:
	for _, p := range paths {
		dir, err := filepath.EvalSymlinks(filepath.Join(root, filepath.Dir(p)))
		if err != nil {
			continue
		}
		info, err := os.Lstat(filepath.Join(dir, filepath.Base(p)))
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		key := look{info.Size(), info.ModTime().UnixNano()}
		for _, s := range seen[key] {
			if os.SameFile(s, info) {
				continue next
			}
		}
		seen[key] = append(seen[key], info)
		bytes += info.Size()
	}
	return bytes
}

// compare compares a tree's packages of one type with the files that their manager lists.
func (p *listedPackages) compare(t *testing.T, root, typ string, listed map[string][]string) {
	t.Helper()
	n := 0
	for _, x := range p.Packages {
		if x.Type != typ || !x.Installed {
			continue
		}
		n++
		files, ok := listed[x.Name]
		if want := bytesOf(t, root, files); !ok || x.VisibleBytes+x.SharedBytes != want {
			t.Errorf("%s %s: got %d bytes, but the package manager's files have %d", x.Name, x.Version, x.VisibleBytes+x.SharedBytes, want)
		}
	}
	if n != len(listed) || n == 0 {
		t.Errorf("%d packages, want %d", n, len(listed))
	}
}

func writeTree(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPackagesOfDpkg installs packages with configuration files, hard links, a diversion, files
// below a symlink, and a newer version of one.
func TestPackagesOfDpkg(t *testing.T) {
	needTools(t, "dpkg", "dpkg-deb", "dpkg-divert", "dpkg-query")
	work, root := t.TempDir(), t.TempDir()
	for _, dir := range []string{"usr/lib", "var/lib/dpkg/info", "var/lib/dpkg/updates"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("usr/lib", filepath.Join(root, "lib")); err != nil {
		t.Fatal(err)
	}
	writeTree(t, root, map[string]string{"var/lib/dpkg/status": ""})
	deb := func(name, version string, files map[string]string) string {
		tree := filepath.Join(work, name+"-"+version)
		control := "Package: " + name + "\nVersion: " + version + "\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n"
		files["DEBIAN/control"] = control
		writeTree(t, tree, files)
		run(t, "dpkg-deb", "--root-owner-group", "-b", tree, tree+".deb")
		return tree + ".deb"
	}
	dpkg := func(args ...string) {
		run(t, "dpkg", append([]string{"--root=" + root, "--force-not-root", "--force-bad-path", "--force-depends", "--log=/dev/null"}, args...)...)
	}
	dpkg("-i", deb("one", "1", map[string]string{"lib/one/a": strings.Repeat("a", 5000), "etc/one.conf": "conf\n", "DEBIAN/conffiles": "/etc/one.conf\n", "usr/bin/tool": "one\n"}))
	run(t, "dpkg-divert", "--root", root, "--package", "two", "--divert", "/usr/bin/tool.one", "--rename", "--add", "/usr/bin/tool")
	dpkg("-i", deb("two", "1", map[string]string{"usr/bin/tool": strings.Repeat("two\n", 100), "usr/lib/two/x": "old"}))
	dpkg("-i", deb("two", "2", map[string]string{"usr/bin/tool": strings.Repeat("two\n", 200), "usr/lib/two/y": "newer"}))
	dpkg("-i", deb("gone", "1", map[string]string{"usr/share/gone": strings.Repeat("g", 700), "etc/gone.conf": "left\n", "DEBIAN/conffiles": "/etc/gone.conf\n"}))
	dpkg("-r", "gone")
	writeTree(t, root, map[string]string{"srv/mine": strings.Repeat("m", 3000)})

	listed := map[string][]string{}
	for _, name := range []string{"one", "two"} {
		for line := range strings.SplitSeq(run(t, "dpkg-query", "--admindir="+filepath.Join(root, "var/lib/dpkg"), "-L", name), "\n") {
			// A diverted path has a line of its own.
			if to, ok := strings.CutPrefix(line, "diverted by two to: "); ok {
				listed[name][len(listed[name])-1] = to
			} else if strings.HasPrefix(line, "/") {
				listed[name] = append(listed[name], line)
			}
		}
	}
	packagesIn(t, buildProgram(t), root).compare(t, root, "dpkg", listed)
}

// TestPackagesOfRpm uses Debian's rpm, which writes an SQLite database.
func TestPackagesOfRpm(t *testing.T) {
	needTools(t, "rpm", "rpmbuild")
	work, root := t.TempDir(), t.TempDir()
	for _, name := range []string{"alpha", "beta"} {
		spec := "Name: " + name + "\nVersion: 1.0\nRelease: 2\nEpoch: 3\nSummary: x\nLicense: MIT\nBuildArch: noarch\n%description\nx\n%install\n" +
			"mkdir -p %{buildroot}/usr/lib/" + name + " %{buildroot}/etc\nhead -c 50000 /dev/zero | tr '\\0' x > %{buildroot}/usr/lib/" + name + "/data\n" +
			"ln %{buildroot}/usr/lib/" + name + "/data %{buildroot}/usr/lib/" + name + "/hard\nln -s data %{buildroot}/usr/lib/" + name + "/link\n" +
			"echo conf > %{buildroot}/etc/" + name + ".conf\n%files\n/usr/lib/" + name + "\n%config /etc/" + name + ".conf\n"
		writeTree(t, work, map[string]string{name + ".spec": spec})
		run(t, "rpmbuild", "--quiet", "-bb", "--define", "_topdir "+work, filepath.Join(work, name+".spec"))
	}
	rpms, err := filepath.Glob(filepath.Join(work, "RPMS", "noarch", "*.rpm"))
	if err != nil || len(rpms) != 2 {
		t.Fatalf("%q, %v", rpms, err)
	}
	database := []string{"--root", root, "--dbpath", "/var/lib/rpm"}
	run(t, "rpm", append(append(database, "-i", "--nodeps", "--noscripts"), rpms...)...)
	writeTree(t, root, map[string]string{"srv/mine": "mine"})
	listed := map[string][]string{}
	for line := range strings.Lines(run(t, "rpm", append(database, "-qa", "--qf", `[%{=NAME} %{FILENAMES}\n]`)...)) {
		if name, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			listed[name] = append(listed[name], file)
		}
	}
	packagesIn(t, buildProgram(t), root).compare(t, root, "rpm", listed)
}

// TestPackagesOfDistributions uses Berkeley DB, ndb and SQLite databases from distributions,
// with trees made from the files that they list.
func TestPackagesOfDistributions(t *testing.T) {
	needTools(t, "go")
	peel := buildProgram(t)
	samples := strings.TrimSpace(run(t, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/knqyf263/go-rpmdb")) + "/pkg/testdata/"
	for _, sample := range []string{"centos5-plain/Packages", "centos7-plain/Packages", "sle15-bci/Packages.db", "fedora35/rpmdb.sqlite"} {
		t.Run(sample, func(t *testing.T) {
			root := t.TempDir()
			db, err := rpmdb.Open(samples + sample)
			if err != nil {
				t.Fatal(err)
			}
			all, err := db.ListPackages()
			if err != nil {
				t.Fatal(err)
			}
			listed, times := map[string][]string{}, map[string]int{}
			dirs := map[string]bool{}
			for _, p := range all {
				names, err := p.InstalledFileNames()
				if err != nil {
					t.Fatal(err)
				}
				times[p.Name]++
				listed[p.Name] = append(listed[p.Name], names...)
				for _, name := range names {
					for dir := filepath.Dir(name); dir != "/"; dir = filepath.Dir(dir) {
						dirs[dir] = true
					}
				}
			}
			content, err := os.ReadFile(samples + sample)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{"var/lib/rpm/" + filepath.Base(sample): string(content)}
			for _, names := range listed {
				for i, name := range names {
					if !dirs[name] && name != "/" && !strings.HasPrefix(name, "/var/lib/rpm") && !strings.HasPrefix(name, "/usr/lib/sysimage/rpm") {
						files[name] = strings.Repeat("x", 1+i%97)
					}
				}
			}
			writeTree(t, root, files)
			p := packagesIn(t, peel, root)
			p.Packages = slices.DeleteFunc(p.Packages, func(x listedPackage) bool { return times[x.Name] > 1 })
			for name, n := range times {
				if n > 1 { // several versions share one name
					delete(listed, name)
				}
			}
			p.compare(t, root, "rpm", listed)
		})
	}
}
