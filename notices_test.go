package main_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// notices is the file with the licenses of everything compiled into peel. Every archive,
// package and image of a release contains it.
const notices = "THIRD_PARTY_NOTICES"

var updateNotices = flag.Bool("update-notices", false, "write "+notices+" anew")

// notice is a license and the modules that it covers.
type notice struct {
	modules []string // with versions, sorted
	text    string
}

// TestNotices checks that THIRD_PARTY_NOTICES has the license of Go and of every module in the
// release's binaries. After a change of go.mod, rewrite it:
//
//	go test . -run TestNotices -update-notices
func TestNotices(t *testing.T) {
	if testing.Short() && !*updateNotices {
		t.Skip("lists the packages of four systems; the complete test run includes it")
	}
	want := noticesText(t)
	if *updateNotices {
		if err := os.WriteFile(notices, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(notices)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s doesn't match go.mod (%v): run go test . -run TestNotices -update-notices", notices, err)
	}
	for _, file := range []string{".goreleaser.yaml", "Dockerfile.release"} {
		if text, err := os.ReadFile(file); err != nil || !bytes.Contains(text, []byte(notices)) {
			t.Errorf("%s doesn't ship %s: %v", file, notices, err)
		}
	}
}

func noticesText(t *testing.T) []byte {
	t.Helper()
	var all []notice
	add := func(module, dir string) {
		for _, name := range licenseFiles(t, dir) {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			text := trailing.ReplaceAllString(strings.TrimSpace(string(b)), "\n")
			if i := slices.IndexFunc(all, func(n notice) bool { return n.text == text }); i >= 0 {
				all[i].modules = append(all[i].modules, module)
				continue
			}
			all = append(all, notice{[]string{module}, text})
		}
	}
	modules := releasedModules(t)
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		add(name, modules[name])
	}
	add("Go's standard library", runtime.GOROOT()) //nolint:staticcheck // the tests run where Go is installed
	var out bytes.Buffer
	fmt.Fprintln(&out, "peel is built from the following modules. Their licenses follow.")
	for _, n := range all {
		slices.Sort(n.modules)
		fmt.Fprintf(&out, "\n%s\n\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(slices.Compact(n.modules), "\n"), n.text)
	}
	return out.Bytes()
}

// releasedModules returns the modules with packages in the binary of any system, and their
// folders.
func releasedModules(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, system := range []string{"linux", "darwin", "windows", "freebsd"} {
		c := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=Module", ".")
		c.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
		c.Stderr = os.Stderr
		b, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		for d := json.NewDecoder(bytes.NewReader(b)); ; {
			var p struct {
				Module *struct {
					Path, Version, Dir string
					Main               bool
				}
			}
			if err := d.Decode(&p); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if p.Module != nil && !p.Module.Main {
				out[p.Module.Path+" "+p.Module.Version] = p.Module.Dir
			}
		}
	}
	return out
}

// trailing matches the end of a line with the blanks before it.
var trailing = regexp.MustCompile(`[ \t\r]*\n`)

var licenseName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|copyright|unlicense)([.-].*)?$`)

// licenseFiles returns the license files at the root of a module. A module without one is an
// error.
func licenseFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Type().IsRegular() && licenseName.MatchString(f.Name()) && !strings.HasSuffix(f.Name(), ".go") {
			names = append(names, f.Name())
		}
	}
	if len(names) == 0 {
		t.Errorf("%s has no license", dir)
	}
	return names
}
