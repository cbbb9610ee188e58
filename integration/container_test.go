package integration

import (
	"archive/tar"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
)

// containerSequences is the number of random sequences of changes made in a container of each
// engine; PEEL_SEQUENCES=FIRST-LAST selects others.
const containerSequences = 20

// sequencesAtOnce is how many of them one container runs, each in its own folder. Podman 4
// can't list the changes of many containers, so it gets few at once.
var sequencesAtOnce = map[string]int{"docker": 10, "podman": 2}

// TestContainersAtRandom changes files at random in real containers. A container's layer must
// equal that of the image that the engine commits from it, whether peel reads it through the
// engine's API or from its files.
func TestContainersAtRandom(t *testing.T) {
	needEngines(t)
	podmanSocket(t)
	from, n := 0, containerSequences
	if text := os.Getenv("PEEL_SEQUENCES"); text != "" {
		if _, err := fmt.Sscanf(text, "%d-%d", &from, &n); err != nil {
			t.Fatal(err)
		}
	}
	step := filepath.Join(t.TempDir(), "step")
	goBuild(t, "./step", step)
	for _, engine := range []string{"docker", "podman"} {
		t.Run(engine, func(t *testing.T) {
			unlistable = 0
			for first := from; first < n && !t.Failed(); first += sequencesAtOnce[engine] {
				containerAtRandom(t, engine, step, first, min(n, first+sequencesAtOnce[engine]))
			}
			t.Logf("the engine couldn't list the changes of %d containers", unlistable)
		})
	}
}

// containerLabel marks everything that these tests create.
const containerLabel = "dev.peel.integration=1"

// box is a container that a test created.
type box struct{ engine, name string }

func (b box) ref() string { return "container://" + b.engine + "/" + b.name }

// newBox creates a container that runs acts, and removes it at the end of the test.
func newBox(t *testing.T, engine, image string, options []string, acts ...string) box {
	t.Helper()
	boxes++
	b := box{engine, fmt.Sprintf("peel-test-%d-%d", os.Getpid(), boxes)}
	args := []string{"create", "--name", b.name, "--network", "none", "--label", containerLabel}
	if engine == "podman" { // it asks for more than a sandbox may have
		args = append(args, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
	}
	args = append(append(append(args, options...), image, "/step"), acts...)
	run(t, engine, args...)
	t.Cleanup(func() { _, _ = output(context.Background(), engine, "rm", "-f", "-v", b.name) })
	return b
}

var boxes, unlistable int

// does starts a container and waits until it has run its acts.
func (b box) does(t *testing.T) {
	t.Helper()
	run(t, b.engine, "start", b.name)
	if code := strings.TrimSpace(run(t, b.engine, "wait", b.name)); code != "0" {
		out, _ := output(t.Context(), b.engine, "logs", b.name)
		t.Fatalf("%s exits with %s\n%s", b.name, code, out)
	}
}

// importImage makes an image of one layer with a tree for each sequence.
func importImage(t *testing.T, engine, step string, first, last int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "base.tar")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	add := func(h tar.Header, content string) {
		h.Size, h.ModTime = int64(len(content)), time.Unix(1_500_000_000, 0)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.ReadFile(step)
	if err != nil {
		t.Fatal(err)
	}
	add(tar.Header{Name: "step", Typeflag: tar.TypeReg, Mode: 0o755}, string(program))
	for seed := first; seed < last; seed++ {
		root := fmt.Sprintf("s%d/", seed)
		for _, dir := range []string{"", "a/", "a/b/", "c/", "c/d/", "c/d/e/", "f/"} {
			add(tar.Header{Name: root + dir, Typeflag: tar.TypeDir, Mode: 0o755}, "")
		}
		for i, name := range []string{"a/x", "a/y", "a/b/x", "a/b/z", "c/x", "c/d/w", "c/d/e/v", "f/x", "f/-odd*", "top"} {
			add(tar.Header{Name: root + name, Typeflag: tar.TypeReg, Mode: 0o644, Uid: i % 3}, strings.Repeat(name, 40+i))
		}
		add(tar.Header{Name: root + "f/hard", Typeflag: tar.TypeLink, Linkname: root + "f/x", Mode: 0o644, Uid: 7 % 3}, "") // the same file as f/x
		add(tar.Header{Name: root + "l", Typeflag: tar.TypeSymlink, Linkname: "a/b", Mode: 0o777}, "")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("peel-container-%d-%d:1", os.Getpid(), first)
	run(t, engine, "import", file, name)
	t.Cleanup(func() { _, _ = output(context.Background(), engine, "rmi", "-f", name) })
	return name
}

func containerAtRandom(t *testing.T, engine, step string, first, last int) {
	t.Helper()
	image := importImage(t, engine, step, first, last)
	var acts []string
	for seed := first; seed < last; seed++ {
		acts = append(acts, throwActs(uint64(seed), fmt.Sprintf("/s%d", seed))...)
	}
	b := newBox(t, engine, image, nil, acts...)
	b.does(t)
	committed := fmt.Sprintf("peel-committed-%d-%d:1", os.Getpid(), first)
	run(t, engine, "commit", b.name, committed)
	t.Cleanup(func() { _, _ = output(context.Background(), engine, "rmi", "-f", committed) })
	compareContainer(t, b, engine+"://"+committed, acts)
}

// throwActs returns random changes below root.
func throwActs(seed uint64, root string) []string {
	rnd := rand.New(rand.NewPCG(seed, 5))
	names := []string{"a", "a/x", "a/y", "a/b", "a/b/x", "a/b/z", "c", "c/x", "c/d", "c/d/w", "c/d/e", "c/d/e/v", "f", "f/x", "f/hard", "f/-odd*", "top", "l", "n", "n/o", "a/n", "c/d/n", "größe", `b\s`, "%41", "f/.hid"}
	some := func() string { return root + "/" + names[rnd.IntN(len(names))] }
	var acts []string
	for range 4 + rnd.IntN(12) {
		p := some()
		switch rnd.IntN(17) {
		case 0, 1:
			acts = append(acts, fmt.Sprintf("write %s %d %d", p, rnd.IntN(3000), rnd.IntN(99)))
		case 2:
			acts = append(acts, fmt.Sprintf("chmod %o %s", []int{0o600, 0o755, 0o4711, 0o2750, 0o1777}[rnd.IntN(5)], p))
		case 3:
			acts = append(acts, fmt.Sprintf("chown %d %d %s", rnd.IntN(3), rnd.IntN(3), p))
		case 4, 5:
			acts = append(acts, "rm "+p)
		case 6:
			acts = append(acts, "rm "+p, "mkdir "+p)
		case 7:
			acts = append(acts, "rm "+p, fmt.Sprintf("write %s %d %d", p, rnd.IntN(300), rnd.IntN(99)))
		case 8:
			acts = append(acts, "rm "+p, fmt.Sprintf("write %s/x %d %d", p, rnd.IntN(300), rnd.IntN(99)))
		case 9:
			acts = append(acts, "mkdir "+p)
		case 10:
			acts = append(acts, "ln "+p+" "+some())
		case 11:
			acts = append(acts, "symlink "+some()+" "+p)
		case 12:
			acts = append(acts, "mkfifo "+p)
		case 13:
			acts = append(acts, fmt.Sprintf("sparse %s %d", p, 1<<(10+rnd.IntN(15))))
		case 14:
			acts = append(acts, "xattr "+p+" user.peel "+fmt.Sprint(rnd.IntN(9)))
		case 15:
			acts = append(acts, "mv "+p+" "+some())
		case 16:
			acts = append(acts, []string{"setcap " + p, fmt.Sprintf("touch %s %d", p, 1_400_000_000+rnd.IntN(9)), "mknod " + p + " 1 3"}[rnd.IntN(3)])
		}
	}
	for i := range acts {
		acts[i] = "try " + acts[i] // changes that are impossible are skipped
	}
	return acts
}

// compareContainer compares a container, read from its engine's files and through its API, with
// the image committed from it.
func compareContainer(t *testing.T, b box, committed string, acts []string) {
	t.Helper()
	want := openVia(t, committed, source.ViaAny)
	files := openVia(t, b.ref(), source.ViaStore)
	told := func(what, d string) {
		if d != "" {
			t.Errorf("%s, %s:\n%s\nafter\n%s", b.engine, what, d, strings.Join(acts, "\n"))
		}
	}
	top := len(want.Image.Layers) - 1
	if len(files.Image.Layers)-1 != top {
		t.Fatalf("got %d layers from files, the commit has %d", len(files.Image.Layers), top+1)
	}
	wantLayer, filesLayer := entryLines(t, want.Image.Layers[top]), entryLines(t, files.Image.Layers[top])
	if b.engine == "podman" {
		for _, own := range podmansOwn {
			delete(wantLayer, own)
		}
	}
	told("the layer from files is not that of commit", lineDifferences(wantLayer, filesLayer))
	told("the union from files is not that of commit", lineDifferences(withoutOwn(unionLines(t, want)), withoutOwn(unionLines(t, files))))
	if _, err := output(t.Context(), b.engine, "diff", b.name); err != nil {
		// podman 4 fails to list changes where a directory replaced a file.
		if _, err := source.Open(t.Context(), b.ref(), source.Options{Via: source.ViaAPI}); err == nil || !strings.Contains(err.Error(), "listing its changes") {
			t.Errorf("%s lists no changes, but peel's error is %v", b.engine, err)
		}
		unlistable++
		return
	}
	api := openVia(t, b.ref(), source.ViaAPI)
	below, apiLayer := entryLines(t, want.Image.Layers[0]), entryLines(t, api.Image.Layers[top])
	// An engine doesn't list files that were rewritten unchanged, or directories in which only
	// the time (Docker), or only owner and extended attributes (podman), changed.
	unlisted := map[string]bool{}
	for name, is := range filesLayer {
		if _, listed := apiLayer[name]; !listed && (alone(is) == alone(below[name]) || isDirOf(b.engine, is, below[name])) {
			delete(filesLayer, name)
			unlisted[name] = true
		}
	}
	for name, is := range filesLayer { // the remaining names of one file
		if what, names, ok := strings.Cut(is, " /"); ok && slices.ContainsFunc(strings.Split("/"+names, " = "), func(name string) bool { return unlisted[name] }) {
			filesLayer[name], apiLayer[name] = what, alone(apiLayer[name])
			if of, ok := strings.CutPrefix(apiLayer[name], "hardlink to "); ok && unlisted[of] {
				apiLayer[name] = what
			}
		}
	}
	told("the layer through the API is not that from files", lineDifferences(filesLayer, apiLayer))
	filesUnion, apiUnion := unionLines(t, files), unionLines(t, api)
	for name, is := range filesUnion {
		if isDirOf(b.engine, is, apiUnion[name]) {
			apiUnion[name] = is
		}
		// One of several names that was copied up unchanged becomes a separate file.
		if sameContent(is, apiUnion[name]) && (ofUnlisted(is, unlisted) || ofUnlisted(apiUnion[name], unlisted)) {
			apiUnion[name] = is
		}
	}
	told("the union through the API is not that from files", lineDifferences(withoutOwn(filesUnion), withoutOwn(apiUnion)))
}

// podmansOwn are the paths of a container's layer that podman creates, not the container.
// "podman diff" doesn't list them.
var podmansOwn = []string{"/dev", "/etc/hostname", "/etc/hosts", "/etc/mtab", "/etc/resolv.conf", "/proc", "/run", "/run/.containerenv", "/run/secrets", "/sys"}

func withoutOwn(lines map[string]string) map[string]string {
	lines = maps.Clone(lines)
	maps.DeleteFunc(lines, func(name, _ string) bool { return slices.Contains(podmansOwn, name) })
	return lines
}

// isDirOf reports whether both descriptions are of directories that agree in what the engine
// compares: mode and owner for Docker, mode and time for podman.
func isDirOf(engine, a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	if len(x) < 5 || len(y) < 5 || x[0] != "dir" || y[0] != "dir" || x[1] != y[1] {
		return false
	}
	if engine == "podman" {
		return x[len(x)-1] == y[len(y)-1]
	}
	return x[2] == y[2]
}

// sameContent reports whether two lines of a union describe files with the same content.
func sameContent(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	return len(x) > 3 && len(y) > 3 && x[0] == "file" && slices.Equal(x[:3], y[:3])
}

// ofUnlisted reports whether one of the names in a line of a union is unlisted.
func ofUnlisted(line string, unlisted map[string]bool) bool {
	fields := strings.Fields(line)
	return slices.ContainsFunc(fields[min(3, len(fields)):], func(name string) bool { return unlisted[name] })
}

// alone returns a file's description without its other names.
func alone(line string) string {
	what, when, ok := strings.Cut(line, " at ")
	if !ok {
		return line
	}
	when, _, _ = strings.Cut(when, " ")
	return what + " at " + when
}

// openVia opens and analyses an image or a container.
func openVia(t *testing.T, ref string, via source.Via) *analyze.Analysis {
	t.Helper()
	im, err := source.Open(t.Context(), ref, source.Options{KeepContent: true, Via: via})
	if err != nil {
		t.Fatalf("opening %s via %q: %v", ref, via, err)
	}
	t.Cleanup(func() {
		if err := im.Close(); err != nil {
			t.Errorf("closing %s: %v", ref, err)
		}
	})
	a, err := analyze.Run(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatalf("analyzing %s: %v", ref, err)
	}
	return a
}

// entryLines describes a layer's entries by path, without its whiteouts. It doesn't distinguish
// the first name of a file from the others, since engines differ in which they write first.
func entryLines(t *testing.T, l *source.Layer) map[string]string {
	t.Helper()
	lines, first := map[string]string{}, map[string]string{}
	for i := range l.Entries.Len() {
		e := l.Entries.At(i)
		name := path.Clean("/" + e.Name)
		if strings.HasPrefix(path.Base(name), ".wh.") || name == "/" {
			continue
		}
		is := fmt.Sprintf("%s %04o %d:%d %v", e.Type, e.Mode, e.UID, e.GID, e.Xattrs)
		switch e.Type {
		case source.File:
			r, err := l.Open(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			is += fmt.Sprintf(" %d %d %s", e.Size, e.Stored, contentSum(t, r))
			r.Close()
		case source.Symlink:
			is += " " + e.Link
		case source.Hardlink:
			first[name] = path.Clean("/" + e.Link)
			continue
		case source.Char, source.Block:
			is += fmt.Sprintf(" %d,%d", e.Major, e.Minor)
		}
		lines[name] = is + fmt.Sprintf(" at %d", e.Time.Unix())
	}
	names := map[string][]string{}
	for name, of := range first {
		names[of] = append(names[of], name)
	}
	for of, others := range names {
		if lines[of] == "" { // the target is in a lower layer
			for _, name := range others {
				lines[name] = "hardlink to " + of
			}
			continue
		}
		all := slices.Concat(others, []string{of})
		slices.Sort(all)
		is := lines[of] + " " + strings.Join(all, " = ")
		for _, name := range all {
			lines[name] = is
		}
	}
	return lines
}

// unionLines describes the union after the last layer.
func unionLines(t *testing.T, a *analyze.Analysis) map[string]string {
	t.Helper()
	lines := map[string]string{}
	for name, is := range linesOf(t, a) {
		if rest, ok := strings.CutPrefix(is, "dir "); ok {
			fields := strings.Fields(rest)
			is = "dir " + strings.Join(fields[:2], " ") + " at " + fields[2]
		}
		lines[name] = is
	}
	return lines
}
