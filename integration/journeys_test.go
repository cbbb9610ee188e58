package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// pane is the real program in tmux, used as a person would.
type pane struct {
	t      *testing.T
	socket string
	dir    string
}

// openSample opens the sample image in a new tmux, with more flags if given.
func openSample(t *testing.T, peel program, size [2]string, flags ...string) *pane {
	t.Helper()
	p := openPane(t, peel, size, strings.Join(append(flags, "SAMPLE"), " "))
	p.sees("Files after layer 10")
	return p
}

// openPane runs peel with arguments in a new tmux; SAMPLE stands for the sample image. It hides the
// machine's engines, whose images could fill a list.
func openPane(t *testing.T, peel program, size [2]string, args string) *pane {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("PEEL_INTEGRATION") == "require" {
			t.Fatal("PEEL_INTEGRATION=require, but tmux isn't installed")
		}
		t.Skip("uses the screen in tmux, which isn't installed")
	}
	sample, err := filepath.Abs("../testdata/sample.tar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := &pane{t: t, socket: filepath.Join(dir, "tmux"), dir: dir}
	environment := "XDG_CONFIG_HOME=" + dir + " LC_ALL=C.UTF-8 TERM=xterm-256color "
	for name, value := range testkit.Unreachable {
		environment += name + "=" + value + " "
	}
	p.tmux("-f", "/dev/null", "new-session", "-d", "-x", size[0], "-y", size[1], "-c", dir,
		environment+string(peel)+" --no-cache "+strings.ReplaceAll(args, "SAMPLE", sample)+"; echo ended with $?; exec sleep 60")
	t.Cleanup(func() { p.tmux("kill-server") })
	return p
}

func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	c := exec.Command("tmux", append([]string{"-u", "-S", p.socket}, args...)...)
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := c.CombinedOutput()
	if err != nil && args[0] != "kill-server" {
		p.t.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// types types text literally, and presses presses keys by name.
func (p *pane) types(text string)      { p.tmux("send-keys", "-l", text) }
func (p *pane) presses(keys ...string) { p.tmux(append([]string{"send-keys"}, keys...)...) }

// sees waits until the text is on the screen, and returns the screen.
func (p *pane) sees(text string) string {
	p.t.Helper()
	screen := ""
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(50 * time.Millisecond) {
		if screen = p.tmux("capture-pane", "-p"); strings.Contains(screen, text) {
			return screen
		}
	}
	p.t.Fatalf("no %q on the screen:\n%s", text, screen)
	return ""
}

// TestJourneys does what people do with an image, from the first key to the answer, on a small
// terminal and on a large one.
func TestJourneys(t *testing.T) {
	peel := buildProgram(t)
	journeys := map[string]func(*testing.T, *pane){
		"the largest waste and its cause": func(t *testing.T, p *pane) {
			p.types("2sss")
			p.presses("Enter")
			screen := p.sees("by layer 5")
			if !strings.Contains(screen, "removed") || !strings.Contains(screen, "29.4 kB") {
				t.Errorf("the largest cause isn't shown:\n%s", screen)
			}
			p.types("jl")
			p.sees("main_Packages")
			p.types("j")
			p.presses("Enter")
			p.sees("Files after layer 1 ") // the layer that stores it
			p.sees("5  removed")
			p.presses("BSpace")
			p.sees("cause, layer to blame")
		},
		"who wrote a path last, and what it was before": func(_ *testing.T, p *pane) {
			p.types("/nginx.conf")
			p.sees("1 of 1")
			p.presses("Enter")
			p.sees("9  modified")
			p.presses("Tab")
			p.types("jv")
			p.sees("layer 1 ")
			p.sees("worker_processes auto;")
			p.types("q")
			p.sees("Files after layer 10")
		},
		"a secret that was deleted": func(_ *testing.T, p *pane) {
			p.types("2")
			p.sees("Deleted secrets that still ship")
			p.types("1/.env")
			p.sees("in other layers")
			p.presses("Enter")
			p.sees("10  removed")
			p.types("v")
			p.sees("PAYMENT_KEY=a-secret-that-nobody-should-ship")
		},
		"two versions compared": func(_ *testing.T, p *pane) {
			p.types("/nginx.conf")
			p.sees("1 of 1")
			p.presses("Enter")
			p.sees("9  modified")
			p.types("d")
			p.sees("@@ -1,22 +1,9 @@")
			p.sees("- worker_processes auto;")
		},
		"the packages that own the bytes": func(_ *testing.T, p *pane) {
			p.types("5")
			p.sees("No database of packages was found")
			p.sees("owned by no package")
			p.presses("Enter")
			p.sees("package:-")
			p.types("F")
			p.sees("Files after layer 10")
			p.presses("BSpace")
			p.sees("No database of packages was found")
		},
		"a folder taken out": func(t *testing.T, p *pane) {
			p.types("/shop/static")
			p.sees("1 of 1")
			p.presses("Enter")
			p.sees("/srv/shop/static")
			p.types("x")
			p.sees("to: out")
			p.presses("Enter")
			p.sees("written to out")
			if _, err := os.Stat(filepath.Join(p.dir, "out", "srv", "shop", "static", "app.js")); err != nil {
				t.Error(err)
			}
		},
	}
	for name, walk := range journeys {
		for _, size := range [][2]string{{"80", "24"}, {"120", "40"}} {
			t.Run(name+" "+size[0]+"x"+size[1], func(t *testing.T) {
				t.Parallel()
				walk(t, openSample(t, peel, size))
			})
		}
	}
}

// TestFixJourney chooses a fix, reads in the head how much it would save, and writes a patch
// that git accepts.
func TestFixJourney(t *testing.T) {
	peel := buildProgram(t)
	for _, size := range [][2]string{{"80", "24"}, {"120", "40"}} {
		t.Run(size[0]+"x"+size[1], func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			file := filepath.Join(folder, "Dockerfile")
			restored := exec.Command(string(peel), "report", "--no-cache", "-f", "dockerfile", "-o", file, "../testdata/sample.tar")
			if out, err := restored.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			p := openSample(t, peel, size, "--dockerfile", file)
			p.types("2")
			p.sees("Deleted secrets that still ship")
			p.types("jjj")
			p.presses("Space")
			p.sees("83.9 kB → 75.2 kB stored")
			p.types("o")
			p.sees("write the patch of 1 fix to: fix.patch")
			p.presses("Enter")
			p.sees("git apply takes it")
			if _, err := exec.LookPath("git"); err != nil {
				return
			}
			patch, err := os.ReadFile(filepath.Join(p.dir, "fix.patch"))
			if err != nil {
				t.Fatal(err)
			}
			apply := exec.Command("git", "apply", "--check", "--unsafe-paths", "--directory=/", "-")
			apply.Dir, apply.Stdin = p.dir, bytes.NewReader(patch)
			if out, err := apply.CombinedOutput(); err != nil {
				t.Errorf("%v: %s\n%s", err, out, patch)
			}
			p.presses("Enter")
			p.sees("only these files")
			p.presses("BSpace")
			p.sees("1 chosen: 8.70 kB less")
		})
	}
}

// TestComparisonJourneys does what people do with two images, on a small terminal and on a
// large one.
func TestComparisonJourneys(t *testing.T) {
	peel := buildProgram(t)
	for _, size := range [][2]string{{"80", "24"}, {"120", "40"}} {
		t.Run("two layers of one image "+size[0], func(t *testing.T) {
			t.Parallel()
			p := openPane(t, peel, size, "diff SAMPLE --from 1")
			p.sees("Differences")
			p.types("/nginx.conf")
			p.sees("1 path")
			p.presses("Enter")
			p.sees("/etc/nginx/nginx.conf")
			p.types("d")
			p.sees("now, layer 9 ← then, layer 1")
			p.sees("- worker_processes auto;")
			p.types("q")
			p.types("V")
			p.sees("then: layer 1")
			p.types("qfchange:removed")
			p.presses("Enter")
			p.sees("filter: change:removed")
			p.types("X2")
			p.sees("Figures")
			p.presses("Escape")
			p.sees("Differences")
			p.types("q")
			p.sees("ended with 0")
		})
		t.Run("two images from the list "+size[0], func(t *testing.T) {
			t.Parallel()
			p := openPane(t, peel, size, "SAMPLE")
			p.sees("Files after layer 10")
			for _, name := range []string{"one.tar", "two.tar"} {
				sample, err := filepath.Abs("../testdata/sample.tar")
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(sample, filepath.Join(p.dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			p.presses("C-p")
			p.sees("two.tar")
			p.types("/one.tar")
			p.sees("1 of")
			p.presses("Down", "Enter") // opens it
			p.sees("Files after layer 10")
			p.presses("C-p")
			p.sees("two.tar")
			p.types(" ")
			p.sees("compares with")
			p.types("/two.tar")
			p.presses("Enter")
			p.sees("no path differs")
			p.presses("BSpace")
			p.sees("Files after layer 10")
		})
	}
}
