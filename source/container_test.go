package source

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source/engine"
)

// containerMember is one file of a made-up container, and how the container changed it.
type containerMember struct {
	tar.Header
	content string
	kind    engine.ChangeKind
	changed bool
}

// containedEngine is an engine with the image app:1 and one container of it.
type containedEngine struct {
	madeUpEngine
	is      engine.Container
	name    string            // kind of the engine
	files   []containerMember // all files of the container, in order
	deleted []string
	asked   []string // requests it got: "archive /etc", "export"
	gone    bool     // the container has been removed
	later   []engine.Change

	unescape bool // it treats paths as patterns
	outside  int  // first user and group of its userns-remap, as archives show them; 0 without one
}

func (e *containedEngine) Store(context.Context) (engine.Store, error) {
	if e.outside == 0 {
		return engine.Store{Root: "/var/lib/docker"}, nil
	}
	return engine.Store{Root: fmt.Sprintf("/var/lib/docker/%d.%[1]d", e.outside)}, nil
}

func (e *containedEngine) Name() string { return e.name }

func (e *containedEngine) Container(_ context.Context, ref string) (engine.Container, error) {
	if e.gone || !strings.HasPrefix(e.is.Name, ref) && !strings.HasPrefix(e.is.ID, ref) {
		return engine.Container{}, fmt.Errorf("%s: %w: %s", e.name, engine.ErrNoContainer, ref)
	}
	return e.is, nil
}

func (e *containedEngine) Containers(context.Context, bool) ([]engine.Container, error) {
	return []engine.Container{e.is}, nil
}

func (e *containedEngine) Changes(context.Context, string) ([]engine.Change, error) {
	e.asked = append(e.asked, "changes")
	var out []engine.Change
	for _, f := range e.files {
		if f.changed {
			out = append(out, engine.Change{Path: "/" + strings.Trim(f.Name, "/"), Kind: f.kind})
		}
	}
	for _, p := range e.deleted {
		out = append(out, engine.Change{Path: p, Kind: engine.Deleted})
	}
	if slices.Index(e.asked, "changes") < len(e.asked)-1 {
		out = append(out, e.later...)
	}
	slices.Reverse(out) // engines promise no order
	return out, nil
}

func (e *containedEngine) tar(parent string, outside int, wants func(name string) bool) io.ReadCloser {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range e.files {
		if !wants("/" + strings.Trim(f.Name, "/")) {
			continue
		}
		h := f.Header
		h.Uid, h.Gid = h.Uid+outside, h.Gid+outside
		h.Name, h.Size = strings.TrimPrefix("/"+h.Name, parent), int64(len(f.content))
		if h.Typeflag == tar.TypeLink {
			h.Linkname = strings.TrimPrefix("/"+h.Linkname, parent)
		}
		_ = w.WriteHeader(&h)
		_, _ = w.Write([]byte(f.content))
	}
	_ = w.Close()
	return io.NopCloser(&b)
}

func (e *containedEngine) Archive(_ context.Context, _, at string) (io.ReadCloser, error) {
	e.asked = append(e.asked, "archive "+at)
	if e.unescape {
		at = strings.NewReplacer(`\\`, `\`, `\?`, "?", `\[`, "[").Replace(at)
	}
	if !slices.ContainsFunc(e.files, func(f containerMember) bool { return "/"+strings.Trim(f.Name, "/") == at }) {
		return nil, engine.ErrNoPath
	}
	parent, _ := path.Split(at)
	return e.tar(parent, e.outside, func(name string) bool { return name == at || strings.HasPrefix(name, at+"/") }), nil
}

func (e *containedEngine) Export(context.Context, string, int64) (io.ReadCloser, error) {
	e.asked = append(e.asked, "export")
	return e.tar("/", 0, func(string) bool { return true }), nil
}

// newContained returns a container with one change of each kind. Its image is so large that
// archives of single paths cost less than an export.
func newContained(t *testing.T) *containedEngine {
	t.Helper()
	s, _, _ := newFakeStore(t)
	day := time.Unix(1_700_000_000, 0)
	dir := func(name string, kind engine.ChangeKind) containerMember {
		return containerMember{tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: day}, "", kind, true}
	}
	file := func(name, content string, kind engine.ChangeKind) containerMember {
		return containerMember{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o640, Uid: 7, Gid: 8, ModTime: day}, content, kind, true}
	}
	link := func(name string, flag byte, to string) containerMember {
		return containerMember{tar.Header{Name: name, Typeflag: flag, Linkname: to, Mode: 0o640, Uid: 7, Gid: 8, ModTime: day}, "", engine.Added, true}
	}
	as := func(m containerMember) containerMember { m.changed = false; return m }
	return &containedEngine{
		madeUpEngine: madeUpEngine{s: s}, name: "docker",
		is: engine.Container{ID: strings.Repeat("ab", 32), Name: "web", Image: "app:1", ImageID: s.id, Command: []string{"serve", "-v"}, State: "exited", Size: 5},
		files: []containerMember{
			dir("etc", engine.Modified), file("etc/motd", "new", engine.Modified), as(file("etc/other", "as it was", 0)),
			dir("new", engine.Added), file("new/a", "content a", engine.Added), link("new/b", tar.TypeLink, "new/a"), link("new/c", tar.TypeSymlink, "/etc/motd"),
			dir("new.d", engine.Added), file("new.d/x", "x!", engine.Added),
			as(dir("opt", 0)), dir("remade", engine.Added), file("remade/again", "again", engine.Added),
		},
		deleted: []string{"/etc/gone", "/opt/old"},
	}
}

// openContained opens the container of e.
func openContained(t *testing.T, e *containedEngine, opts Options) (*Image, error) {
	t.Helper()
	k := &engineKind{name: e.name, connect: func(context.Context, *slog.Logger) (engine.Engine, error) { return e, nil }}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	o := &opener{Options: opts, ref: "container://web"}
	found, err := k.findContainer(t.Context(), o, "web")
	if err != nil {
		return nil, err
	}
	im, err := found.open(t.Context(), o)
	if err != nil {
		return nil, errors.Join(err, found.close())
	}
	t.Cleanup(func() { im.Close() })
	return im, nil
}

// wroteDown lists a layer's entries, one per line, sorted by name.
func wroteDown(l *Layer) string {
	var lines []string
	for i := range l.Entries.Len() {
		e := l.Entries.At(i)
		lines = append(lines, fmt.Sprintf("%s %s %o %d:%d %d %s%s", strings.TrimSuffix(e.Name, "/"), e.Type, e.Mode, e.UID, e.GID, e.Size, e.Time.Format("2006"), strings.TrimSuffix(" -> "+e.Link, " -> ")))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

const containedLayer = `etc dir 755 0:0 0 2023
etc/.wh.gone file 600 0:0 0 1970
etc/motd file 640 7:8 3 2023
new dir 755 0:0 0 2023
new.d dir 755 0:0 0 2023
new.d/x file 640 7:8 2 2023
new/a file 640 7:8 9 2023
new/b hardlink 640 7:8 0 2023 -> new/a
new/c symlink 640 7:8 0 2023 -> /etc/motd
opt/.wh.old file 600 0:0 0 1970
remade dir 755 0:0 0 2023
remade/again file 640 7:8 5 2023
`

// TestContainerByAPI reads a container's layer through archives of single paths and through the
// export, and expects the same result.
func TestContainerByAPI(t *testing.T) {
	archives := []string{"changes", "archive /etc", "archive /etc/motd", "archive /new", "archive /new.d", "archive /remade"}
	tests := []struct {
		name   string
		change func(e *containedEngine)
		size   int64 // of the image
		asked  []string
		want   string // "" stands for containedLayer
		flaws  []string
	}{
		{name: "single paths of a large image", size: 1 << 30, asked: archives},
		{name: "the whole of a small image", size: 1 << 20, asked: []string{"changes", "export"}},
		{name: "single paths of a Docker with userns-remap", size: 1 << 30, change: func(e *containedEngine) { e.outside = 100_000 }, asked: archives},
		{name: "the export of a Docker with userns-remap", size: 1 << 20, change: func(e *containedEngine) { e.outside = 100_000 }, asked: []string{"changes", "export"}},
		{name: "podman's archives follow symlinks", size: 1 << 30, change: func(e *containedEngine) { e.name = "podman" }, asked: []string{"changes", "export"}},
		{
			name: "a hard link across archives", size: 1 << 30,
			change: func(e *containedEngine) {
				e.files[8] = containerMember{tar.Header{Name: "new.d/x", Typeflag: tar.TypeReg, Mode: 0o640, Uid: 7, Gid: 8, ModTime: e.files[4].ModTime}, "content a", engine.Added, true}
			},
			asked: append(slices.Clone(archives), "export"),
			want:  strings.Replace(containedLayer, "new.d/x file 640 7:8 2", "new.d/x file 640 7:8 9", 1),
		},
		{
			name: "a volume over what is changed", size: 1 << 30,
			change: func(e *containedEngine) { e.is.Mounts = []engine.Mount{{Path: "/new/", Kind: "volume", Source: "v"}} },
			asked:  []string{"changes", "export"},
		},
		{
			name: "a volume elsewhere", size: 1 << 30,
			change: func(e *containedEngine) { e.is.Mounts = []engine.Mount{{Path: "/data", Kind: "volume", Source: "v"}} },
			asked:  archives,
		},
		{
			name: "a directory made again", size: 1 << 30,
			change: func(e *containedEngine) { e.files[10].changed = false; e.deleted = append(e.deleted, "/remade") },
			asked:  archives,
			want:   strings.Replace(containedLayer, "remade/again", "remade/.wh..wh..opq file 600 0:0 0 1970\nremade/again", 1),
		},
		{
			name: "an empty directory made again", size: 1 << 20,
			change: func(e *containedEngine) {
				e.files = e.files[:11]
				e.files[10].changed = false
				e.deleted = append(e.deleted, "/remade")
			},
			asked: []string{"changes", "export"},
			want:  strings.Replace(containedLayer, "remade/again file 640 7:8 5 2023", "remade/.wh..wh..opq file 600 0:0 0 1970", 1),
		},
		{
			name: "a file that went meanwhile", size: 1 << 30,
			change: func(e *containedEngine) {
				e.is.State = "running"
				e.files[8].Name = "new.d/y"
				e.later = []engine.Change{{Path: "/tmp/late", Kind: engine.Added}}
			},
			asked: append(slices.Clone(archives), "changes"),
			want:  strings.Replace(containedLayer, "new.d/x", "new.d/y", 1),
			flaws: []string{"/tmp/late: the container changed it while it was read"},
		},
		{name: "nothing changed", change: func(e *containedEngine) { e.files, e.deleted = nil, nil }, asked: []string{"changes"}, want: "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newContained(t)
			if tt.change != nil {
				tt.change(e)
			}
			c := &containerByAPI{e: e, is: e.is, imageSize: tt.size, log: slog.New(slog.DiscardHandler)}
			s, err := c.Scan(t.Context(), (&opener{}).scanOptions())
			if err != nil {
				t.Fatal(err)
			}
			l := &Layer{Entries: s.Entries, reader: c}
			if tt.want == "" {
				tt.want = containedLayer
			}
			if got := wroteDown(l); got != tt.want {
				t.Errorf("got layer\n%swant\n%s", got, tt.want)
			}
			if !slices.Equal(e.asked, tt.asked) {
				t.Errorf("got requests %q, want %q", e.asked, tt.asked)
			}
			var flaws []string
			for _, f := range l.Flaws() {
				flaws = append(flaws, f.Path+": "+f.Problem)
			}
			if !slices.Equal(flaws, tt.flaws) {
				t.Errorf("flaws %q, want %q", flaws, tt.flaws)
			}
		})
	}
}

// TestContainerContent reads files of a container through its engine's API, and detects a file
// that has changed since the scan.
func TestContainerContent(t *testing.T) {
	e := newContained(t)
	c := &containerByAPI{e: e, is: e.is, imageSize: 1, log: slog.New(slog.DiscardHandler)}
	s, err := c.Scan(t.Context(), (&opener{}).scanOptions())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) int {
		for i := range s.Entries.Len() {
			if s.Entries.At(i).Name == name {
				return i
			}
		}
		t.Fatalf("no file %s", name)
		return 0
	}
	read := func(i int) (string, error) {
		r, err := c.Open(t.Context(), s.Entries, i)
		if err != nil {
			return "", err
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		return string(b), err
	}
	if got, err := read(at("new/a")); err != nil || got != "content a" {
		t.Errorf("%q, error %v", got, err)
	}
	body, err := c.Body(t.Context(), s.Entries, at("new/a"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		at   int64
		text string
	}{{0, "con"}, {3, "tent"}, {8, "a"}, {2, "nt"}} {
		p := make([]byte, len(want.text))
		if _, err := body.ReadAt(t.Context(), p, want.at); err != nil || string(p) != want.text {
			t.Errorf("from %d: %q, error %v", want.at, p, err)
		}
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
	i := at("new/a")
	e.files[4].content = "CONTENT A"
	_, err = read(i)
	testkit.WantError(t, err, "has changed the file since its layer was read")
	e.files[4].content = "longer than it was"
	_, err = read(i)
	testkit.WantError(t, err, "has changed the file since its layer was read")
	e.files[4].Name = "elsewhere"
	_, err = read(i)
	testkit.WantError(t, err, "has changed the file since its layer was read")
	c.is.Mounts = []engine.Mount{{Path: "/new", Kind: "volume"}}
	_, err = read(i)
	testkit.WantError(t, err, "a volume is mounted over it")
}

// TestContainerContentOddNames reads files whose names podman treats as patterns.
func TestContainerContentOddNames(t *testing.T) {
	for name, asked := range map[string]string{
		"a?b":  `archive /new/a\?b`,
		"[ab]": `archive /new/\[ab]`,
		`a\b`:  `archive /new/a\\b`,
		"a*b":  "export",
		"a+b":  "archive /new/a+b",
	} {
		e := newContained(t)
		e.name, e.unescape = "podman", true
		e.files[4].Name = "new/" + name
		e.files[5].Linkname = e.files[4].Name
		c := &containerByAPI{e: e, is: e.is, log: slog.New(slog.DiscardHandler)}
		s, err := c.Scan(t.Context(), (&opener{}).scanOptions())
		if err != nil {
			t.Fatal(err)
		}
		e.asked = nil
		err = c.Each(t.Context(), s.Entries, []int{3}, func(_ int, r io.Reader) error {
			b, err := io.ReadAll(r)
			if string(b) != "content a" {
				t.Errorf("%s is %q", name, b)
			}
			return err
		})
		if err != nil || !slices.Equal(e.asked, []string{asked}) {
			t.Errorf("%s: got requests %q, want %q; error %v", name, e.asked, asked, err)
		}
	}
}

// TestOpenContainer puts a container's layer on top of its image.
func TestOpenContainer(t *testing.T) {
	e := newContained(t)
	im, err := openContained(t, e, Options{Via: ViaAPI})
	if err != nil {
		t.Fatal(err)
	}
	last := im.Layers[len(im.Layers)-1]
	if len(im.Layers) != 4 || !last.OfContainer || last.Index != 3 || last.DiffID != "" || im.Layers[2].OfContainer {
		t.Errorf("got %d layers, the last is %+v", len(im.Layers), last)
	}
	if got := wroteDown(last); got != containedLayer {
		t.Errorf("got container layer\n%s", got)
	}
	if last.Step.Command != "container web" || last.Step.Comment != "serve -v" || !last.Step.Created.Equal(im.Container.ReadAt) || time.Since(im.Container.ReadAt) > time.Hour {
		t.Errorf("step %+v", last.Step)
	}
	if len(im.History) != 4 || im.History[3] != last.Step || im.Name != "web" {
		t.Errorf("image %q, history %+v", im.Name, im.History)
	}
	if im.Container.Engine != "docker" || im.Container.Image != "app:1" || im.Container.State != "exited" {
		t.Errorf("container %+v", im.Container)
	}

	e = newContained(t)
	e.is.ImageID = "sha256:" + strings.Repeat("0", 64)
	_, err = openContained(t, e, Options{})
	testkit.WantError(t, err, "its image app:1 (sha256:000", "is gone, so nothing is below its own layer")
	if e.closed != 2 {
		t.Errorf("closed %d times", e.closed)
	}

	e = newContained(t)
	e.gone = true
	if _, err = openContained(t, e, Options{}); !errors.Is(err, ErrNoContainer) {
		t.Errorf("error %v", err)
	}
}

// TestFindContainer looks for a container in all engines if none is named.
func TestFindContainer(t *testing.T) {
	has := func(name string, containers ...string) containerEngine {
		return containerEngine{name: name, find: func(_ context.Context, _ *opener, ref string) (foundContainer, error) {
			if slices.Contains(containers, ref) {
				return &madeUpContainer{name: name + " " + ref}, nil
			}
			return nil, fmt.Errorf("%s: %w: %s", name, ErrNoContainer, ref)
		}}
	}
	broken := containerEngine{name: "broken", find: func(context.Context, *opener, string) (foundContainer, error) {
		return nil, errors.New("broken: no answer")
	}}
	o := &opener{Options: Options{Log: slog.New(slog.DiscardHandler)}}
	tests := []struct {
		name    string
		engines []containerEngine
		want    string
		absent  bool
		err     []string
	}{
		{name: "one has it", engines: []containerEngine{has("a"), has("b", "web")}, want: "b web"},
		{name: "one has it and one is broken", engines: []containerEngine{broken, has("b", "web")}, want: "b web"},
		{name: "two have it", engines: []containerEngine{has("a", "web"), has("b", "web")}, err: []string{"several engines", "container://a/web or container://b/web"}},
		{name: "nobody has it", engines: []containerEngine{has("a"), has("b")}, absent: true, err: []string{"a: no such container: web", "b: no such container: web"}},
		{name: "nobody may have it", engines: []containerEngine{broken, has("b")}, err: []string{"broken: no answer", "b: no such container: web"}},
		{name: "one engine has none", engines: []containerEngine{has("a")}, absent: true, err: []string{"a: no such container: web"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, err := findContainer(t.Context(), o, tt.engines, "web")
			testkit.WantError(t, err, tt.err...)
			if tt.err == nil && found.(*madeUpContainer).name != tt.want {
				t.Errorf("found %+v", found)
			}
			if errors.Is(err, ErrNotFound) != tt.absent {
				t.Errorf("%v: absent is %v", err, !tt.absent)
			}
		})
	}
	for ref, want := range map[string]string{"docker://app": "docker", "containerd://k8s.io/app": "containerd", "container://podman/web": "podman", "container://web": "", "container:///web": "", "app": "", "registry://app": ""} {
		if got := EngineOf(ref); got != want {
			t.Errorf("engine of %s is %q, want %q", ref, got, want)
		}
	}
	_, err := openContainer(t.Context(), o, "nobody/web")
	testkit.WantError(t, err, `"nobody" has no containers; write container://NAME, or container://ENGINE/NAME with docker, podman or containerd`)
}

type madeUpContainer struct{ name string }

func (c *madeUpContainer) open(context.Context, *opener) (*Image, error) { return nil, nil }
func (c *madeUpContainer) close() error                                  { return nil }
