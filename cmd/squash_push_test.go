package cmd

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/fakeregistry"
)

// TestSquashPush checks that a squashed image is pushed completely or not at all, and replaces
// nothing unless you ask for it.
func TestSquashPush(t *testing.T) {
	noEngines(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("PEEL_OFFLINE", "")
	reg := fakeregistry.New(t)
	file := writeImage(t, "docker-20", squashable())
	name := reg.Host() + "/me/app:small"
	push := func(more ...string) result {
		return peel(append([]string{"squash", file, "--base", "1", "-o", "registry://" + name}, more...)...)
	}
	if r := push(); r.code != 0 {
		t.Fatal(r.err)
	}
	before, after := analysed(t, file), analysed(t, "registry://"+name)
	if len(after.Image.Layers) != 2 || before.Image.Layers[0].DiffID != after.Image.Layers[0].DiffID || after.Totals.Visible != before.Totals.Visible {
		t.Errorf("got %d layers, %d visible bytes", len(after.Image.Layers), after.Totals.Visible)
	}
	for _, l := range after.Image.Layers {
		if l.MediaType != "application/vnd.oci.image.layer.v1.tar+gzip" {
			t.Errorf("layer %d is %s", l.Index, l.MediaType)
		}
	}
	if must(t, "cat", file, "/sparse") != must(t, "cat", "registry://"+name, "/sparse") {
		t.Error("the sparse file's content differs")
	}

	if r := push(); r.code != 3 || !strings.Contains(r.err, "an image of that name exists") || !strings.Contains(r.err, "--force") {
		t.Errorf("existing name: got code %d\n%s", r.code, r.err)
	}
	reg.Pushed()
	if r := push("--force"); r.code != 0 {
		t.Error(r.err)
	}
	if pushed := reg.Pushed(); slices.ContainsFunc(pushed, func(s string) bool { return strings.Contains(s, "/blobs/") }) {
		t.Errorf("blobs that the registry has were sent again: %q", pushed)
	}

	// A push that fails halfway leaves the name unchanged.
	was := after.Image.Digest
	reg.BreakPushes(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return true
		}
		return false
	})
	if r := push("--force", "--compress", "zstd"); r.code != 3 || !strings.Contains(r.err, "does not take the image") {
		t.Errorf("registry that refuses: got code %d\n%s", r.code, r.err)
	}
	reg.BreakPushes()
	if now := analysed(t, "registry://"+name).Image.Digest; now != was {
		t.Errorf("the name stands for %s, want %s", now, was)
	}
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	for _, c := range []struct{ output, says string }{
		{"registry://app:1", "which registry to push to"},
		{"registry://" + reg.Host() + "/me/app@sha256:" + strings.Repeat("a", 64), "to a digest"},
		{"registry://", "a name is missing"},
		{"registry://" + reg.Host() + "/Me/app", "Me/app"},
		{"docker://app:1", "cannot be written there"},
	} {
		if r := peel("squash", file, "--base", "1", "-o", c.output); r.code == 0 || !strings.Contains(r.err, c.says) {
			t.Errorf("-o %s: code %d\n%s", c.output, r.code, r.err)
		}
	}
}

// TestSquashPushCredentials checks that pushing uses the credentials for reading, and that no
// message contains them.
func TestSquashPushCredentials(t *testing.T) {
	noEngines(t)
	t.Setenv("PEEL_OFFLINE", "")
	reg := fakeregistry.New(t)
	guard := func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if user, password, ok := r.BasicAuth(); ok && user == "me" && password == "right-1234" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	reg.Break(guard)
	reg.BreakPushes(guard)
	file := writeImage(t, "docker-20", squashable())
	auth := filepath.Join(t.TempDir(), "auth.json")
	t.Setenv("REGISTRY_AUTH_FILE", auth)
	for _, c := range []struct {
		password string
		code     int
	}{{"wrong-1234", 3}, {"right-1234", 0}} {
		text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, reg.Host(), base64.StdEncoding.EncodeToString([]byte("me:"+c.password)))
		if err := os.WriteFile(auth, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := peel("squash", file, "--base", "1", "-o", "registry://"+reg.Host()+"/me/app:1")
		if r.code != c.code || strings.Contains(r.err, c.password) {
			t.Errorf("with %s: code %d\n%s", c.password, r.code, r.err)
		}
	}
}
