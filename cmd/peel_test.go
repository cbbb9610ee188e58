package cmd

import (
	"archive/tar"
	"errors"
	"flag"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// asPeel makes the test binary act as peel itself, for behaviour that only shows from outside:
// signals, and pipes that close.
const asPeel = "PEEL_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asPeel) != "" {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	testkit.Hurry()
	if testing.Short() { // in a process of many runs, both cost more than all the rest
		tuneOnce, unmapSoon = func() {}, func() {}
	}
	os.Exit(withCache(m))
}

// withCache runs the tests with a cache of their own.
func withCache(m *testing.M) int {
	dir, err := os.MkdirTemp("", "peel-test-cache-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	env := map[string]string{"XDG_CACHE_HOME": dir, "PEEL_OFFLINE": "1"} // registries have their own tests
	if testing.Short() {                                                 // each report asks the machine's engines for base images
		maps.Copy(env, testkit.Unreachable)
	}
	for name, value := range env {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	return testkit.Run(m)
}

// result is the outcome of a run of the program.
type result struct {
	code     int
	out, err string
}

// peel runs the program in this process with an empty standard input.
func peel(args ...string) result { return peelIn(strings.NewReader(""), args...) }

// peelIn is peel with this standard input. Operations that the program has given up on, such as
// requests to an engine that doesn't answer, go on in this process and may still write to the
// log.
func peelIn(stdin io.Reader, args ...string) result {
	var out, err testkit.Buffer
	code := Main(args, stdin, &out, &err)
	return result{code, out.String(), err.String()}
}

// must runs the program, which must succeed without output on standard error.
func must(t *testing.T, args ...string) string {
	t.Helper()
	r := peel(args...)
	if r.code != 0 || r.err != "" {
		t.Fatalf("peel %q: got exit code %d, standard error:\n%s", args, r.code, r.err)
	}
	return r.out
}

// program prepares the program as a separate process.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self, args...)
	c.Env = append(os.Environ(), asPeel+"=1")
	return c
}

// inFolder changes to a new folder that holds the fixture text's image as app.tar, in the given
// shape.
func inFolder(t *testing.T, shape, fixture string) {
	t.Helper()
	f, err := testkit.Parse(fixture)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	write(t, "app.tar", testkit.ShapeNamed(shape).Archive(f))
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// goldens is the folder of expected outputs. It's absolute, since tests change the working
// directory.
var goldens = func() string {
	dir, err := filepath.Abs("../testdata/cmd")
	if err != nil {
		panic(err)
	}
	return dir
}()

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join(goldens, name+".txt")
	if *update {
		write(t, file, []byte(got))
		return
	}
	if want := read(t, file); got != want {
		t.Errorf("%s differs; go test ./cmd -update rewrites it\n--- got\n%s--- want\n%s", file, got, want)
	}
}

// story is an image with the faults of real images.
const story = `
-- image app:1 linux/amd64 --
step "/bin/sh -c #(nop) ADD file:4bf7a in / "
empty "/bin/sh -c #(nop)  ENV LANG=C.UTF-8"
step "RUN /bin/sh -c make install # buildkit"
step "RUN /bin/sh -c chmod 600 /srv/app/model.bin # buildkit"
step "COPY . /srv/app # buildkit"
step "RUN /bin/sh -c rm -rf /srv/app/model.bin /usr/share/doc # buildkit"
-- layer --
dir usr/
dir usr/lib/
symlink lib -> usr/lib
file usr/lib/libc.so 5000 mode=0755
dir usr/share/
dir usr/share/doc/
file usr/share/doc/README 1500
file usr/share/doc/NEWS 300
dir tmp/ mode=1777
-- layer --
dir srv/
dir srv/app/
file srv/app/model.bin 20000 seed=m
file srv/app/main.py "print('hello')\n"
symlink srv/app/sym -> main.py
hardlink srv/app/again.py -> srv/app/main.py
file usr/bin/tool 700 mode=4755 uid=1000 gid=1000
-- layer --
file srv/app/model.bin 20000 seed=m mode=0600
-- layer --
file srv/app/config "debug = true\n"
file usr/lib/libc.so 5100 mode=0755 mtime=1700000100
-- layer --
file srv/app/.wh.model.bin
file usr/share/.wh.doc
`

// eachTarFile calls fn with the regular files of an archive.
func eachTarFile(t *testing.T, archive string, fn func(name string, content []byte)) {
	t.Helper()
	for r := tar.NewReader(strings.NewReader(read(t, archive))); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		fn(h.Name, content)
	}
}

// noEngines is testkit.NoEngines. With -short it keeps this machine's engines out as well, which
// would be asked for base images.
func noEngines(t *testing.T) {
	t.Helper()
	testkit.NoEngines(t)
	if testing.Short() {
		for name, value := range testkit.Unreachable {
			t.Setenv(name, value)
		}
	}
}
