package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/source"
)

// changedBoxes returns a container of the built image in each engine. Each container changed
// something and has a volume.
func changedBoxes(t *testing.T, b *built) []box {
	t.Helper()
	var out []box
	for _, engine := range []string{"docker", "podman"} {
		x := newBox(t, engine, b.name, []string{"-v", "/vol", "--tmpfs", "/scratch"},
			"write /etc/settings 30 90", "rm /data/conf", "write /vol/in-the-volume 5000 1", "write /scratch/s 10 1", "write /new/a 77 3", "ln /new/a /new/b")
		x.does(t)
		out = append(out, x)
	}
	return out
}

// TestContainersInCommands runs every command on a container.
func TestContainersInCommands(t *testing.T) {
	b := builtImage(t)
	peel := buildProgram(t)
	for _, x := range changedBoxes(t, b) {
		for _, via := range []string{"store", "api"} {
			t.Run(x.engine+" "+via, func(t *testing.T) {
				f := form{name: x.name, ref: x.ref()}
				text := func(args ...string) string {
					out, code := peel.run(t, f, append(args, "--via", via)...)
					if code > 1 {
						t.Errorf("%q: exit code %d", args, code)
					}
					return string(out)
				}
				var report struct {
					Image struct {
						Container struct {
							Name, Image, State, ReadAt string
							InitLayer                  *string
							Command                    []string
							Mounts                     []struct{ Path, Kind string }
						}
					}
					Layers []struct {
						Container                   bool
						Command                     string
						Entries, StoredBytes, Added int
					}
				}
				if err := json.Unmarshal([]byte(text("report", "-f", "json", f.ref)), &report); err != nil {
					t.Fatal(err)
				}
				said, _ := output(t.Context(), "sh", "-c", `"$0" report --offline --engine "$1" "$2" 2>&1 || true`, string(peel), x.engine, x.name)
				if !strings.Contains(said, "a container has that name: write container://"+x.name) {
					t.Errorf("with the container's name alone: %s", said)
				}
				c, last := report.Image.Container, report.Layers[len(report.Layers)-1]
				if c.Name != x.name || !strings.HasSuffix(c.Image, b.name) || c.State != "exited" || c.ReadAt == "" || len(c.Command) != 7 {
					t.Errorf("got container %+v", c)
				}
				if mounts := fmt.Sprint(c.Mounts); !strings.Contains(mounts, "/vol volume") || !strings.Contains(mounts, "/scratch") {
					t.Errorf("mounts %s", mounts)
				}
				if x.engine == "docker" && (c.InitLayer == nil || !strings.HasSuffix(*c.InitLayer, "-init/diff")) {
					t.Errorf("init layer %v", c.InitLayer)
				}
				if !last.Container || last.Command != "container "+x.name || last.StoredBytes != 30+77 || report.Layers[0].Container {
					t.Errorf("got last layer %+v", last)
				}
				n := len(report.Layers) - 1
				listed := text("ls", f.ref, "-R", "--layer", fmt.Sprint(n))
				for _, wrong := range []string{"/etc/hosts", "/etc/resolv.conf", "/.dockerenv", "/run/.containerenv", "/dev", "in-the-volume", "/scratch/s"} {
					if strings.Contains(listed, wrong+"\n") {
						t.Errorf("the layer has %s:\n%s", wrong, listed)
					}
				}
				for _, right := range []string{"/etc/settings\n", "/data/conf", "/new/b"} {
					if !strings.Contains(listed, right) {
						t.Errorf("the layer lacks %q:\n%s", right, listed)
					}
				}
				history := text("log", f.ref, "/etc/settings")
				if !strings.Contains(history, "container "+x.name) || strings.Count(history, "/step") != 2 {
					t.Errorf("got history\n%s", history)
				}
				if got := text("cat", f.ref, "/new/b"); got != text("cat", f.ref, "/new/a") || len(got) != 77 {
					t.Errorf("/new/b is %q", got)
				}
				if got := text("cat", f.ref, "/etc/settings"); len(got) != 30 {
					t.Errorf("got %d bytes for /etc/settings", len(got))
				}
				if got := text("diff", x.engine+"://"+b.name, f.ref); !strings.Contains(got, "/new") || !strings.Contains(got, "/data/conf") || !strings.Contains(got, "container "+x.name) {
					t.Errorf("got difference\n%s", got)
				}
				if got := text("check", f.ref, "-f", "json"); !strings.Contains(got, `"container": {`) {
					t.Errorf("got check\n%s", got)
				}
				dir := t.TempDir()
				text("extract", f.ref, "/new", "-o", dir)
				if files := contentsBelow(t, dir); len(files) != 2 {
					t.Errorf("extracted %v", files)
				}
			})
		}
		out, _ := peel.run(t, form{}, "images", "--containers")
		if !strings.Contains(string(out), x.name) || !strings.Contains(string(out), x.ref()) {
			t.Errorf("%s isn't listed:\n%s", x.name, out)
		}
	}
}

// TestContainerThatWrites reads containers while they write files.
func TestContainerThatWrites(t *testing.T) {
	b := builtImage(t)
	peel := buildProgram(t)
	for _, engine := range []string{"docker", "podman"} {
		x := newBox(t, engine, b.name, nil, "append /data/log 60")
		run(t, engine, "start", x.name)
		for _, via := range []string{"store", "api", "store", "api"} {
			out, code := peel.run(t, form{}, "report", "--via", via, "-f", "json", x.ref())
			if code != 0 || !bytes.Contains(out, []byte(`"state": "running"`)) {
				t.Errorf("%s via %s: got exit code %d", engine, via, code)
			}
		}
	}
}

// TestContainerThatGoes removes a container, and an image of one, while it's open.
func TestContainerThatGoes(t *testing.T) {
	b := builtImage(t)
	for _, engine := range []string{"docker", "podman"} {
		for _, via := range []source.Via{source.ViaStore, source.ViaAPI} {
			t.Run(fmt.Sprint(engine, " ", via), func(t *testing.T) {
				x := newBox(t, engine, b.name, nil, "write /new/a 77 3")
				x.does(t)
				im, err := source.Open(t.Context(), x.ref(), source.Options{Via: via})
				if err != nil {
					t.Fatal(err)
				}
				defer im.Close()
				run(t, engine, "rm", "-f", x.name)
				l := im.Layers[len(im.Layers)-1]
				for i := range l.Entries.Len() {
					if l.Entries.Type(i) != source.File {
						continue
					}
					r, err := l.Open(t.Context(), i)
					if err == nil {
						_, err = io.ReadAll(r)
						r.Close()
					}
					if err == nil {
						t.Error("got content of a removed container")
					}
				}
				if _, err = source.Open(t.Context(), x.ref(), source.Options{Via: via}); err == nil || !strings.Contains(err.Error(), "no such container") {
					t.Errorf("error %v", err)
				}
			})
		}
	}
}

// TestContainerWithoutItsImage reads containers whose image has been removed.
func TestContainerWithoutItsImage(t *testing.T) {
	needEngines(t)
	podmanSocket(t)
	step := filepath.Join(t.TempDir(), "step")
	goBuild(t, "./step", step)
	image := importImage(t, "docker", step, 900, 901)
	x := newBox(t, "docker", image, nil, "write /new/a 77 3")
	x.does(t)
	run(t, "docker", "rmi", "-f", image)
	a := openVia(t, x.ref(), source.ViaAny)
	if n := len(a.Image.Layers); n != 2 || !a.Image.Layers[1].OfContainer || a.Totals.Entries < 20 {
		t.Errorf("%d layers, %d entries", n, a.Totals.Entries)
	}
	_, err := source.Open(t.Context(), x.ref(), source.Options{Via: source.ViaAPI})
	if err == nil || !strings.Contains(err.Error(), "is gone, so nothing is below its own layer") {
		t.Errorf("error %v", err)
	}
}

// TestPodmanContainersWithoutService reads podman's containers without a service that answers.
func TestPodmanContainersWithoutService(t *testing.T) {
	b := builtImage(t)
	if _, err := os.Stat("/run/podman/podman.sock"); err == nil {
		t.Skip("a podman service runs on this machine")
	}
	x := newBox(t, "podman", b.name, []string{"-v", "/vol"}, "write /etc/settings 30 90", "rm /data/conf")
	x.does(t)
	want := openVia(t, x.ref(), source.ViaStore)
	t.Setenv("CONTAINER_HOST", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	got := openVia(t, x.ref(), source.ViaAny)
	last := len(want.Image.Layers) - 1
	if d := lineDifferences(entryLines(t, want.Image.Layers[last]), entryLines(t, got.Image.Layers[last])); d != "" || len(got.Image.Layers) != last+1 {
		t.Errorf("without a service:\n%s", d)
	}
	c := got.Image.Container
	if c.Name != x.name || !strings.HasSuffix(c.Image, b.name) || len(c.Command) != 3 || len(c.Mounts) != 1 || c.Mounts[0].Path != "/vol" {
		t.Errorf("got container %+v", c)
	}
	if _, err := source.Open(t.Context(), "container://podman/nobody-has-it", source.Options{}); err == nil || !strings.Contains(err.Error(), "no such container: nobody-has-it") {
		t.Errorf("error %v", err)
	}
	out, err := output(context.Background(), string(buildProgram(t)), "images", "--containers")
	if err != nil || !strings.Contains(out, x.ref()) {
		t.Errorf("error %v, listed\n%s", err, out)
	}
}
