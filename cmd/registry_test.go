package cmd

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/fakeregistry"
	"github.com/peelhq/peel/internal/testkit"
)

// TestRegistryCommands checks that every command accepts an image in a registry. A bare name is
// looked up there last, with a message, and never offline.
func TestRegistryCommands(t *testing.T) {
	testkit.NoEngines(t)
	t.Setenv("PEEL_OFFLINE", "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := testkit.ShapeNamed("oci-dir").Write(t, testkit.Load(t, "../testdata/hardlink-all-removed.image"))
	reg := fakeregistry.New(t)
	reg.Push(t, dir, "me/app", "1")
	name := reg.Host() + "/me/app:1"
	ref := "registry://" + name

	figures := func(report string) string {
		_, rest, _ := strings.Cut(report, "\n\n")
		return rest
	}
	local := must(t, "report", dir)
	if got := must(t, "report", ref); figures(got) != figures(local) {
		t.Errorf("got figures\n%s\nwant\n%s", got, local)
	}
	asked := "peel: not found on this machine; asking the registry for " + name + "\n"
	for _, c := range []struct {
		what  string
		args  []string
		code  int
		says  string // standard error: all of it, or a part for a failure
		count int    // number of requests
	}{
		{"a bare name", []string{"ls", name}, 0, asked, -1},
		{"offline", []string{"ls", "--offline", ref}, 0, "", 0},
		{"a bare name, offline", []string{"ls", "--offline", name}, 0, "", 0},
		{"offline, never opened", []string{"ls", "--offline", reg.Host() + "/me/app:2"}, 3, "leave out --offline", 0},
		{"offline, a file's content", []string{"cat", "--offline", ref, "/x"}, 3, "", 0},
		{"no such tag", []string{"ls", "registry://" + reg.Host() + "/me/app:2"}, 3, "did you mean 1?", -1},
		{"tags", []string{"images", "registry://" + reg.Host() + "/me/app"}, 0, "", -1},
		{"tags of a missing repository", []string{"images", "registry://" + reg.Host() + "/me/ap"}, 3, "has no repository me/ap", -1},
		{"tags of a name without a registry", []string{"images", "me/app"}, 2, "peel images registry://HOST/REPO", 0},
		{"a repository, without a screen", []string{"registry://" + reg.Host() + "/me/app/"}, 0, "", -1},
	} {
		reg.Forget()
		r := peel(c.args...)
		if r.code != c.code || c.code == 0 && r.err != c.says || !strings.Contains(r.err, c.says) {
			t.Errorf("%s: got code %d, standard error\n%s\nwant code %d, %q", c.what, r.code, r.err, c.code, c.says)
		}
		if n := len(reg.Asked()); c.count >= 0 && n != c.count {
			t.Errorf("%s: %d requests, want %d", c.what, n, c.count)
		}
	}
	many := testkit.ShapeNamed("oci-dir").Write(t, testkit.Load(t, "../testdata/several-platforms.image"))
	reg.Push(t, many, "me/many", "1")
	all := peel("check", reg.Host()+"/me/many:1", "--platform", "all", "-f", "junit")
	listed := all.out + all.err
	for _, p := range []string{"linux/amd64", "linux/arm64", "linux/arm/v7"} {
		if !strings.Contains(listed, `name="peel check `+reg.Host()+"/me/many:1 "+p+`"`) {
			t.Errorf("--platform all doesn't check %s:\n%s", p, listed)
		}
	}
	repo := "registry://" + reg.Host() + "/me/app"
	_, id, _ := strings.Cut(must(t, "images", "--json", repo), `"id":"sha256:`)
	if table := must(t, "images", repo); len(id) < 64 || !strings.Contains(table, "  DIGEST        OPEN AS\n") || !strings.Contains(table, "  "+id[:12]+"  "+ref+"\n") {
		t.Errorf("digest %.64q not found in\n%s", id, table)
	}
	if r := peel("images"); !strings.HasPrefix(r.out, "NAME ") || strings.Contains(r.out, "DIGEST") {
		t.Errorf("got a column for digests without a registry:\n%s%s", r.out, r.err)
	}
	// Completion and lists of local images ask no registry.
	reg.Forget()
	for _, args := range [][]string{{"__complete", "ls", reg.Host() + "/"}, {"__complete", "ls", "registry://" + reg.Host() + "/me/"}, {"__complete", "ls", ref, "/"}, {"__complete", ref}, {"images"}} {
		if r := peel(args...); r.code != 0 && args[0] != "images" {
			t.Errorf("%q: code %d\n%s", args, r.code, r.err)
		}
		if asked := reg.Asked(); len(asked) > 0 {
			t.Errorf("%q asks a registry: %q", args, asked)
		}
	}

	t.Setenv("PEEL_OFFLINE", "1")
	reg.Forget()
	must(t, "ls", name)
	if n := len(reg.Asked()); n > 0 {
		t.Errorf("PEEL_OFFLINE=1: %d requests", n)
	}

	// Read contents.
	t.Setenv("PEEL_OFFLINE", "")
	files := strings.Fields(must(t, "ls", "--at", "0", dir))
	if len(files) == 0 {
		t.Fatal("no files to read")
	}
	for _, f := range files[:1] {
		if got, want := must(t, "cat", "--at", "0", ref, "/"+f), must(t, "cat", "--at", "0", dir, "/"+f); got != want {
			t.Errorf("%s: %q, want %q", f, got, want)
		}
	}
	out := filepath.Join(t.TempDir(), "out")
	if r := peel("extract", "--at", "0", ref, "/", "-o", out); r.code != 0 {
		t.Errorf("extract: %s", r.err)
	}
	if r := peel("diff", dir, ref, "--exit-code"); r.code != 0 {
		t.Errorf("the same image differs: got code %d\n%s%s", r.code, r.out, r.err)
	}
}
