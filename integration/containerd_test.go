package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// containerd is a containerd that runs for a test, with its own folders and socket.
type containerd struct{ dir, socket string }

// startContainerd starts a containerd, which CONTAINERD_ADDRESS names until the test ends. It's
// independent of others on the machine.
func startContainerd(t *testing.T) *containerd {
	t.Helper()
	if os.Getenv("PEEL_INTEGRATION") != "require" {
		t.Skip("starts containerd: set PEEL_INTEGRATION=require to run it")
	}
	if os.Getuid() != 0 {
		t.Skip("only root may start containerd")
	}
	for _, program := range []string{"containerd", "ctr"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("PEEL_INTEGRATION=require, but %s isn't installed", program)
		}
	}
	dir, err := os.MkdirTemp("", "peel-c") // sockets need short paths
	if err != nil {
		t.Fatal(err)
	}
	c := &containerd{dir, filepath.Join(dir, "c.sock")}
	config := fmt.Sprintf(`version = 2
root = "%[1]s/root"
state = "%[1]s/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "%[1]s/c.sock"
[ttrpc]
  address = "%[1]s/t.sock"
`, dir)
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	said := startDaemon(t, dir, "containerd", "--config", filepath.Join(dir, "config.toml"))
	t.Setenv("CONTAINERD_ADDRESS", c.socket)
	for range 100 {
		if _, err := output(t.Context(), "ctr", "version"); err == nil {
			return c
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("containerd doesn't answer at %s:\n%s", c.socket, said.String())
	return nil
}

// sourceOf matches the source in a report.
var sourceOf = regexp.MustCompile(`"source": "[^"]*"`)

// importedReport returns the JSON report of an image without its source.
func importedReport(t *testing.T, peel program, args ...string) string {
	t.Helper()
	text, code := peel.run(t, form{}, append([]string{"report", "-f", "json", "--no-cache"}, args...)...)
	if code != 0 {
		t.Fatalf("peel report %s: got exit code %d", strings.Join(args, " "), code)
	}
	return sourceOf.ReplaceAllString(string(text), `"source": ""`)
}

// TestContainerdMatchesImport compares containerd's images with the imported archive:
// through the API, from the folders, without a running containerd at the same socket, and in
// every namespace.
func TestContainerdMatchesImport(t *testing.T) {
	startContainerd(t)
	peel := buildProgram(t)
	for _, test := range []struct{ archive, name string }{
		{"../testdata/sample.tar", "shop:1.4"},
		{"../testdata/docker29.tar", "127.0.0.1:5055/tiny:1"},
	} {
		for _, namespace := range []string{"one", "two"} {
			run(t, "ctr", "-n", namespace, "images", "import", "--no-unpack", "--all-platforms", test.archive)
		}
		want := importedReport(t, peel, "--platform", "linux/amd64", test.archive)
		for _, via := range []string{"api", "store"} {
			for _, ref := range []string{"containerd://" + test.name, "containerd://two/" + test.name} {
				if got := importedReport(t, peel, "--platform", "linux/amd64", "--via", via, ref); got != want {
					t.Errorf("%s via %s: got\n%s\nfrom the archive\n%s", ref, via, got, want)
				}
			}
		}
		list, _ := peel.run(t, form{}, "images", "--engine", "containerd")
		for _, namespace := range []string{"one", "two"} {
			if !regexp.MustCompile(`containerd://` + namespace + `/\S*` + regexp.QuoteMeta(test.name) + "\n").Match(list) {
				t.Errorf("%s isn't listed in namespace %s:\n%s", test.name, namespace, list)
			}
		}
	}
}

// blobIsGone matches the errors of the API and of the store about a missing blob.
var blobIsGone = regexp.MustCompile("the content store does not have it|is not in containerd's content store")

// TestContainerdWhileItIsUsed reads images while another process imports and removes images as
// fast as it can. An image that stays must always be the same; one that comes and goes must be
// complete, or give an error that says what is missing.
func TestContainerdWhileItIsUsed(t *testing.T) {
	startContainerd(t)
	peel := buildProgram(t)
	const stays, comes = "containerd://one/shop:1.4", "containerd://two/127.0.0.1:5055/tiny:1"
	run(t, "ctr", "-n", "one", "images", "import", "--no-unpack", "../testdata/sample.tar")
	wantStays, wantComes := importedReport(t, peel, "../testdata/sample.tar"), importedReport(t, peel, "../testdata/docker29.tar")

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	times := 0
	go func() {
		for ctx.Err() == nil {
			_, err := output(ctx, "ctr", "-n", "two", "images", "import", "--no-unpack", "../testdata/docker29.tar")
			if err == nil {
				_, err = output(ctx, "ctr", "-n", "two", "images", "rm", "--sync", "127.0.0.1:5055/tiny:1")
			}
			if err != nil && ctx.Err() == nil {
				done <- err
				return
			}
			times++
		}
		done <- nil
	}()
	seen, absent := 0, 0
	for i := range 50 {
		via := []string{"api", "store"}[i%2]
		if got := importedReport(t, peel, "--via", via, stays); got != wantStays {
			t.Fatalf("opening %d, via %s: got\n%s\nwant\n%s", i, via, got, wantStays)
		}
		text, err := output(t.Context(), string(peel), "report", "-f", "json", "--no-cache", "--via", via, comes)
		var exit *exec.ExitError
		switch {
		case err == nil && sourceOf.ReplaceAllString(text, `"source": ""`) == wantComes:
			seen++
		case err == nil && blobIsGone.MatchString(text) || errors.As(err, &exit) && exit.ExitCode() == 3 && !strings.Contains(err.Error(), "damaged"):
			absent++
		default:
			t.Fatalf("opening %d of the other image, via %s: %v\n%s", i, via, err, text)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d imports; the other image was found %d times, and missing %d times", times, seen, absent)
	if times < 3 {
		t.Errorf("only %d imports in that time", times)
	}
}

// countsOfEntries matches the counts in a report that include an entry for the root.
var countsOfEntries = regexp.MustCompile(`"(entries|added)": \d+,`)

// TestContainerdDiscardedLayers checks that layers whose blobs were discarded after unpacking
// are read from the snapshots, with the same figures.
func TestContainerdDiscardedLayers(t *testing.T) {
	c := startContainerd(t)
	peel := buildProgram(t)
	for _, test := range []struct{ archive, name string }{
		{"../testdata/sample.tar", "shop:1.4"},
		{"../testdata/docker29.tar", "127.0.0.1:5055/tiny:1"},
	} {
		want := importedReport(t, peel, test.archive)
		run(t, "ctr", "images", "import", "--snapshotter", "overlayfs", test.archive)
		var report struct{ Layers []struct{ Digest string } }
		imported := importedReport(t, peel, "containerd://"+test.name)
		if err := json.Unmarshal([]byte(imported), &report); err != nil {
			t.Fatal(err)
		}
		for _, l := range report.Layers {
			run(t, "ctr", "content", "rm", l.Digest)
			blob := filepath.Join(c.dir, "root/io.containerd.content.v1.content/blobs/sha256", strings.TrimPrefix(l.Digest, "sha256:"))
			for i := 0; ; i++ { // containerd removes it with a delay
				if _, err := os.Stat(blob); errors.Is(err, os.ErrNotExist) {
					break
				}
				if i == 100 {
					t.Fatalf("%s still exists", blob)
				}
				time.Sleep(100 * time.Millisecond)
			}
		}
		// The tar may list the root directory, which a snapshot doesn't.
		want = countsOfEntries.ReplaceAllString(want, "")
		for _, args := range [][]string{{}, {"--via", "store"}} {
			if got := countsOfEntries.ReplaceAllString(importedReport(t, peel, append(args, "containerd://"+test.name)...), ""); got != want {
				t.Errorf("%s from its snapshots, %q: got\n%s\nfrom the archive\n%s", test.name, args, got, want)
			}
		}
		if got := importedReport(t, peel, "--via", "api", "containerd://"+test.name); strings.Count(got, "it cannot be read from a snapshot") != len(report.Layers) {
			t.Errorf("%s by the API:\n%s", test.name, got)
		}
	}
	manifest := "sha256:acdcf8cef28161f89995dcaf8c4bd5348511234c3e0101927dbfd02b0aa12d89"
	run(t, "ctr", "content", "rm", manifest)
	_, err := output(t.Context(), string(peel), "report", "containerd://127.0.0.1:5055/tiny:1")
	for i := 0; err == nil && i < 100; i++ {
		time.Sleep(100 * time.Millisecond)
		_, err = output(t.Context(), string(peel), "report", "containerd://127.0.0.1:5055/tiny:1")
	}
	if err == nil || !strings.Contains(err.Error(), "is no longer in containerd's content store") {
		t.Errorf("without its manifest: got %v", err)
	}
}

// TestContainerdsContainers compares a container's own layer with containerd's diff of its
// snapshot.
func TestContainerdsContainers(t *testing.T) {
	c := startContainerd(t)
	peel := buildProgram(t)
	run(t, "ctr", "images", "import", "../testdata/docker29.tar")
	const image = "127.0.0.1:5055/tiny:1"
	run(t, "ctr", "containers", "create", "--snapshotter", "overlayfs", image, "web")
	// Mount the overlay as containerd would for the container's process.
	at := filepath.Join(c.dir, "mount")
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	mount := strings.Fields(run(t, "ctr", "snapshots", "--snapshotter", "overlayfs", "mounts", at, "web"))
	run(t, mount[0], mount[1:]...)
	undo := func() { _ = exec.Command("umount", at).Run() }
	t.Cleanup(undo)
	run(t, "sh", "-c", `cd "$0" && mkdir -p data etc && echo one >new && ln new linked && rm bin/busybox && mkdir made && echo two >made/two &&
		rm -rf data && mkdir data && echo three >data/three && chmod 700 etc && ln -s new symbolic && mkfifo pipe && setfattr -n user.x -v y new 2>/dev/null || true`, at)
	undo()

	tarball := filepath.Join(c.dir, "diff.tar.gz")
	run(t, "sh", "-c", `ctr snapshots --snapshotter overlayfs diff --keep web >"$0"`, tarball)
	want := map[string]string{}
	for line := range strings.Lines(run(t, "tar", "-tzvf", tarball)) {
		f := strings.Fields(line)
		name, kind := "/"+strings.TrimSuffix(f[5], "/"), f[0][:1]
		if base, gone := strings.CutPrefix(filepath.Base(name), ".wh."); gone {
			name, kind = filepath.Join(filepath.Dir(name), base), "removed"
		}
		want[name] = kind
	}
	got := map[string]string{}
	text, _ := peel.run(t, form{}, "ls", "-R", "--json", "--layer", "6", "container://containerd/web")
	for line := range strings.Lines(string(text)) {
		var row struct{ Path, Type, Change string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		kind := map[string]string{"file": "-", "dir": "d", "symlink": "l", "hardlink": "h", "fifo": "p"}[row.Type]
		if row.Change == "removed" {
			if kind = "removed"; got[filepath.Dir(row.Path)] == kind {
				continue // the tar lists only the removed directory, not its contents
			}
		}
		got[row.Path] = kind
	}
	if len(want) < 10 || !maps.Equal(got, want) {
		t.Errorf("got container layer\n%v\nwant, from containerd,\n%v", got, want)
	}
	if text, _ := peel.run(t, form{}, "cat", "container://containerd/web", "/data/three"); string(text) != "three\n" {
		t.Errorf("got content %q of a file in it", text)
	}
	if text, _ := peel.run(t, form{}, "images", "--containers", "--engine", "containerd"); !strings.Contains(string(text), "container://containerd/default/web") {
		t.Errorf("listed are\n%s", text)
	}
}
