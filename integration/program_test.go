package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
)

// program is the real program, as a user runs it.
type program string

func buildProgram(t *testing.T) program {
	t.Helper()
	if os.Getenv("PEEL_INTEGRATION") != "require" {
		testkit.Long(t, "it builds the program, and works with tools of the system")
	}
	bin, err := peelProgram()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// peelProgram compiles the program when the first test needs it. It's removed after the last
// test.
var peelProgram = sync.OnceValues(func() (program, error) {
	dir, err := os.MkdirTemp("", "peel-test-")
	if err != nil {
		return "", err
	}
	atExit = append(atExit, func() { _ = os.RemoveAll(dir) })
	bin := filepath.Join(dir, "peel")
	return program(bin), compile("..", bin)
})

// run runs the program on a form of the image and returns its output and exit code.
func (p program) run(t *testing.T, f form, args ...string) (stdout []byte, code int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), string(p), args...)
	if f.stdin != "" {
		in, err := os.Open(f.stdin)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		c.Stdin = in
	}
	var out, messages bytes.Buffer
	c.Stdout, c.Stderr = &out, &messages
	if err := c.Run(); err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	code = c.ProcessState.ExitCode()
	if code > 1 {
		t.Errorf("peel %s: got exit code %d\n%s", strings.Join(args, " "), code, messages.String())
	}
	return out.Bytes(), code
}

// TestTheReportIsTheSameForEveryForm runs the program on every form and compares the JSON
// reports, without the parts that depend on the form.
func TestTheReportIsTheSameForEveryForm(t *testing.T) {
	b := builtImage(t)
	peel := buildProgram(t)
	var want string
	for _, f := range b.forms {
		t.Run(f.name, func(t *testing.T) {
			out, _ := peel.run(t, f, "report", "-f", "json", f.ref)
			var report map[string]any
			if err := json.Unmarshal(out, &report); err != nil {
				t.Fatalf("%v in:\n%s", err, out)
			}
			delete(report["image"].(map[string]any), "source")
			delete(report["image"].(map[string]any), "name")
			delete(report["image"].(map[string]any), "id") // an OCI config is a different document
			delete(report["image"].(map[string]any), "digest")
			delete(report["totals"].(map[string]any), "compressedBytes")
			for _, layer := range report["layers"].([]any) {
				for _, key := range []string{"digest", "mediaType", "compressedBytes"} {
					delete(layer.(map[string]any), key)
				}
			}
			text, err := json.MarshalIndent(report, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			if want == "" {
				want = string(text)
			}
			if string(text) != want {
				t.Errorf("the report differs from that of %s: got\n%s\nwant\n%s", b.forms[0].name, text, want)
			}
		})
	}
}

// TestTheCommandsAgreeWithTheContainer compares ls, cat and extract with what a container of
// the image shows.
func TestTheCommandsAgreeWithTheContainer(t *testing.T) {
	b := builtImage(t)
	peel := buildProgram(t)
	want, _ := exported(t, b.name)

	for _, f := range []form{b.forms[0], b.forms[1], {name: "podman engine", ref: "podman://" + b.name}} {
		t.Run(f.name, func(t *testing.T) {
			listed := map[string]bool{}
			out, _ := peel.run(t, f, "ls", "-R", "--json", f.ref)
			for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
				var got struct {
					Path, Type string
					UID, GID   int64
				}
				if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
					t.Fatalf("%v in %s", err, lines.Text())
				}
				listed[got.Path] = true
				w, ok := want[got.Path]
				if !ok {
					if got.Path != "/" {
						t.Errorf("ls lists %s, which the container doesn't have", got.Path)
					}
					continue
				}
				if got.Type == "hardlink" {
					got.Type = "file"
				}
				if got.Type != w.kind || got.UID != w.uid || got.GID != w.gid {
					t.Errorf("ls prints %+v, but the container has %+v", got, w)
				}
			}
			for name := range want {
				if !listed[name] {
					t.Errorf("ls doesn't list %s", name)
				}
			}

			for _, name := range []string{"/data/kept", "/data/two", "/data/back"} {
				content, _ := peel.run(t, f, "cat", f.ref, name)
				if got := contentSum(t, bytes.NewReader(content)); got != want[name].sum {
					t.Errorf("the content that cat prints for %s differs from the container's", name)
				}
			}

			dir := filepath.Join(t.TempDir(), "out")
			peel.run(t, f, "extract", f.ref, "/data", "-o", dir)
			for name, w := range want {
				if w.kind != "file" || !strings.HasPrefix(name, "/data/") {
					continue
				}
				content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
				if err != nil {
					t.Errorf("extract: %v", err)
				} else if got := contentSum(t, bytes.NewReader(content)); got != strings.Fields(w.sum)[0] {
					t.Errorf("the content that extract writes to %s differs from the container's", name)
				}
			}
		})
	}
}

// TestTheSampleShowsEveryCause checks that the README's image has something of everything.
func TestTheSampleShowsEveryCause(t *testing.T) {
	a := open(t, form{name: "the sample", ref: "../testdata/sample.tar"})
	for _, c := range a.Causes {
		if c.Bytes == 0 && c.Cause != analyze.Duplicate {
			t.Errorf("the sample wastes nothing by cause %s", c.Cause)
		}
	}
	if len(a.Flaws) > 0 {
		t.Errorf("the sample has flaws: %v", a.Flaws)
	}
	if a.Totals.Efficiency > 0.8 {
		t.Errorf("the sample's efficiency of %.2f is too high to show much", a.Totals.Efficiency)
	}
}

// TestEnginesTakeTheSample loads the sample into real engines and compares the images that they
// return with the file.
func TestEnginesTakeTheSample(t *testing.T) {
	needEngines(t)
	podmanSocket(t)
	const file = "../testdata/sample.tar"
	a := open(t, form{name: "the sample", ref: file})
	run(t, "docker", "load", "-q", "-i", file)
	defer run(t, "docker", "rmi", "shop:1.4")
	run(t, "podman", "load", "-q", "-i", file)
	defer run(t, "podman", "rmi", "shop:1.4")
	for _, engine := range []string{"docker", "podman"} {
		t.Run(engine, func(t *testing.T) {
			got := open(t, form{name: engine, ref: engine + "://shop:1.4"})
			if diff := differences(summary(t, a), summary(t, got)); diff != "" {
				t.Errorf("%s's image differs from the file:\n%s", engine, diff)
			}
		})
	}
}
