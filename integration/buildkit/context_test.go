package buildkit

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// contexts write the files that the Dockerfiles in testdata copy to a folder. Nothing is
// downloaded: packages are made here, identical each time.
var contexts = map[string]func(t *testing.T, dir string){
	"python":     pythonContext,
	"node":       nodeContext,
	"go":         goContext,
	"multistage": multistageContext,
	"heredocs":   func(*testing.T, string) {},
	"apt":        aptContext,
}

// noise returns n incompressible bytes, always the same for a seed.
func noise(seed uint64, n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, n)
	_, _ = r.Read(b) // never fails
	return b
}

func write(t *testing.T, name string, mode fs.FileMode, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, mode); err != nil {
		t.Fatal(err)
	}
}

// pythonContext writes two wheels, in the binary distribution format (PEP 427), and an app.
func pythonContext(t *testing.T, dir string) {
	wheel := func(name string, size int) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		info := name + "-1.0.dist-info/"
		files := []struct {
			name    string
			content []byte
		}{
			{name + "/__init__.py", []byte("VALUE = 1\n")},
			{name + "/table.bin", noise(uint64(size), size)},
			{info + "METADATA", fmt.Appendf(nil, "Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n", name)},
			{info + "WHEEL", []byte("Wheel-Version: 1.0\nGenerator: peel\nRoot-Is-Purelib: true\nTag: py3-none-any\n")},
		}
		var record strings.Builder
		for _, f := range files {
			fmt.Fprintf(&record, "%s,,\n", f.name)
		}
		fmt.Fprintf(&record, "%sRECORD,,\n", info)
		for _, f := range append(files, struct {
			name    string
			content []byte
		}{info + "RECORD", []byte(record.String())}) {
			w, err := z.Create(f.name)
			if err == nil {
				_, err = w.Write(f.content)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "packages", name+"-1.0-py3-none-any.whl"), 0o644, b.Bytes())
	}
	wheel("one", 900_000)
	wheel("two", 300_000)
	write(t, filepath.Join(dir, "requirements.txt"), 0o644, []byte("one==1.0\ntwo==1.0\n"))
	write(t, filepath.Join(dir, "app", "__main__.py"), 0o644, []byte("import one, two\nprint(one.VALUE + two.VALUE)\n"))
	write(t, filepath.Join(dir, "app", "model.bin"), 0o644, noise(3, 2_000_000))
}

// nodeContext writes a package that depends on one in an archive beside it.
func nodeContext(t *testing.T, dir string) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{"package/package.json", []byte(`{"name":"one","version":"1.0.0","main":"index.js"}` + "\n")},
		{"package/index.js", []byte("module.exports = 1\n")},
		{"package/table.bin", noise(4, 1_200_000)},
	} {
		err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.content)), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write(f.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "packages", "one-1.0.0.tgz"), 0o644, b.Bytes())
	write(t, filepath.Join(dir, "package.json"), 0o644,
		[]byte(`{"name":"service","version":"1.0.0","private":true,"dependencies":{"one":"file:packages/one-1.0.0.tgz"}}`+"\n"))
	write(t, filepath.Join(dir, "server.js"), 0o644, []byte("console.log(require('one'))\n"))
	write(t, filepath.Join(dir, "data.bin"), 0o644, noise(5, 1_500_000))
}

func goContext(t *testing.T, dir string) {
	write(t, filepath.Join(dir, "go.mod"), 0o644, []byte("module service\n\ngo 1.19\n"))
	write(t, filepath.Join(dir, "main.go"), 0o644, []byte("package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"service\") }\n"))
	write(t, filepath.Join(dir, "vendor", "modules.txt"), 0o644, nil)
	// The Dockerfile isn't copied, since a patch changes its size.
	write(t, filepath.Join(dir, ".dockerignore"), 0o644, []byte("Dockerfile\n.dockerignore\n"))
}

func multistageContext(t *testing.T, dir string) {
	goContext(t, dir)
	write(t, filepath.Join(dir, "tool", "main.go"), 0o644, []byte("package main\n\nimport \"os\"\n\nfunc main() { os.Exit(0) }\n"))
	for i := range 12 {
		write(t, filepath.Join(dir, "assets", fmt.Sprintf("%02d", i), "picture.bin"), 0o640, noise(uint64(10+i), 120_000+i))
	}
}

// aptContext writes two packages in a flat repository (apt's sources.list(5)).
func aptContext(t *testing.T, dir string) {
	var index strings.Builder
	for i, name := range []string{"peel-library", "peel-tools"} {
		root := filepath.Join(t.TempDir(), name)
		control := fmt.Sprintf("Package: %s\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: made for a test\n", name)
		write(t, filepath.Join(root, "DEBIAN", "control"), 0o644, []byte(control))
		write(t, filepath.Join(root, "usr", "share", name, "table.bin"), 0o644, noise(uint64(30+i), 1_000_000+i))
		write(t, filepath.Join(root, "usr", "share", "doc", name, "manual.bin"), 0o644, noise(uint64(40+i), 700_000+i))
		file := filepath.Join(dir, "archive", name+"_1.0_all.deb")
		write(t, file, 0o644, nil)
		build := exec.Command("dpkg-deb", "--root-owner-group", "-Zgzip", "--build", root, file)
		build.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("dpkg-deb: %v\n%s", err, out)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&index, "%sFilename: ./%s\nSize: %d\nSHA256: %x\n\n", control, filepath.Base(file), len(content), sha256.Sum256(content))
	}
	write(t, filepath.Join(dir, "archive", "Packages"), 0o644, []byte(index.String()))
}
