package cmd

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/fakeregistry"
	"github.com/peelhq/peel/internal/testkit"
)

// layersText returns the text of an image with a layer for each name. Layers of the same name
// are identical.
func layersText(head string, names ...string) string {
	text := "-- image app:1 linux/amd64 --\n" + head
	for _, name := range names {
		text += "-- layer --\nfile srv/" + name + " 1000 seed=" + name + "\n"
	}
	return text
}

// pushed writes an image as a folder, pushes it, and returns the folder.
func pushed(t *testing.T, reg *fakeregistry.Registry, repo, tag, text string) string {
	t.Helper()
	f, err := testkit.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	dir := testkit.ShapeNamed("oci-dir").Write(t, f)
	if reg != nil {
		reg.Push(t, dir, repo, tag)
	}
	return dir
}

// TestBaseCurrent checks that the tag of the base image is compared with the image's lowest
// layers, and that the rule is unchecked if peel may not or can't ask the registry.
func TestBaseCurrent(t *testing.T) {
	noEngines(t)
	t.Setenv("PEEL_OFFLINE", "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	reg := fakeregistry.New(t)
	label := "history none\nlabel org.opencontainers.image.base.name=" + reg.Host() + "/base:1\n"
	const bare = "history none\n"
	for tag, names := range map[string]string{"1": "11 12 13", "renewed": "11 22 23 24", "shorter": "11 12", "another": "99"} {
		pushed(t, reg, "base", tag, layersText("", strings.Fields(names)...))
	}
	own := []string{"11", "12", "13", "50"} // base:1, and one layer on top
	labelled := pushed(t, nil, "", "", layersText(label, own...))
	plain := pushed(t, nil, "", "", layersText(bare, own...))
	pushed(t, reg, "base", "2", layersText("", "11", "12", "13"))
	inFolder(t, "docker-25", story)
	_, id, _ := strings.Cut(must(t, "images", "--json", "registry://"+reg.Host()+"/base"), `"id":"sha256:`)
	id = "@sha256:" + id[:64]
	base := reg.Host() + "/base:"
	pushed(t, reg, "app", "1", layersText(label, own...))
	pushed(t, reg, "app", "2", layersText(strings.Replace(label, "base:1", "base:renewed", 1), own...))
	for _, c := range []struct {
		name  string
		image string
		from  string // in the Dockerfile; "" for none
		args  string
		code  int
		says  string
		asks  bool
	}{
		{"current, by the Dockerfile", plain, base + "1", "", 0, "pass base-current current (limit current)", true},
		{"other layers", plain, base + "renewed", "", 1, "3 of the 4 layers that " + base + "renewed has now are not in the image", true},
		{"what to do", plain, base + "renewed", "", 1, "rebuild the image with --pull, which fetches the base image anew.", true},
		{"no layer is the same", plain, base + "another", "", 1, "1 of the 1 layer that " + base + "another has now is not in the image", true},
		{"pinned, and the tag has moved", plain, base + "renewed" + id, "", 1, "write the tag's new digest", true},
		{"pinned without a tag", plain, reg.Host() + "/base" + id, "", 0, "named by a digest alone, without a tag", true},
		{"a warning", plain, base + "renewed", "--warn base-current", 0, "warn base-current outdated", true},
		{"asked for, current", plain, "", "--base " + base + "1", 0, "pass base-current", true},
		{"asked for, outdated", plain, "", "--base " + base + "renewed", 1, "3 of the 4 layers that " + base + "renewed has now are not in the image", true},
		{"a number, and the Dockerfile", plain, base + "1", "--base 3", 0, "pass base-current", true},
		{"a number alone", plain, "", "--base 3", 0, "base-current is not checked: nothing names the base image", false},
		{"no name", plain, "", "", 0, "base-current is not checked: nothing names the base image", false},
		{"from scratch", plain, "scratch", "", 0, "pass base-current none", false},
		{"no such tag", plain, base + "missing", "", 0, "base-current is not checked: " + base + "missing cannot be looked up", true},
		{"offline", plain, base + "1", "--offline", 0, "offline, peel asks no registry", false},
		{"off", plain, base + "renewed", "--base-current off", 0, "no rule is on", true},

		// A label names a host that the user didn't, so it isn't asked.
		{"a label of a file", labelled, "", "", 0, reg.Host() + ": not asked, because only the image names it", false},
		{"the Dockerfile takes precedence over the label", labelled, base + "1", "", 0, "pass base-current", true},
		{"a label of an image of that registry", "registry://" + reg.Host() + "/app:1", "", "", 0, "pass base-current", true},
		{"the same, outdated", "registry://" + reg.Host() + "/app:2", "", "", 1, "3 of the 4 layers that " + base + "renewed has now", true},
		{"the registry is gone", plain, "127.0.0.1:1/base:1", "", 0, "base-current is not checked: 127.0.0.1:1/base:1 cannot be looked up", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"check", c.image, "--config", "none", "--base-current", "on"}
			for _, rule := range []string{"min-efficiency", "secret", "user", "healthcheck", "setuid"} {
				args = append(args, "--"+rule, "off")
			}
			if c.from != "" {
				file := filepath.Join(t.TempDir(), "Dockerfile")
				write(t, file, []byte("FROM "+c.from+"\nCOPY app /srv\n"))
				args = append(args, "--dockerfile", file)
			}
			t.Setenv("XDG_CACHE_HOME", t.TempDir()) // each case starts with an empty cache
			reg.Forget()
			r := peel(append(args, strings.Fields(c.args)...)...)
			if r.code != c.code || !strings.Contains(unwrapped(r.out), c.says) {
				t.Errorf("got exit code %d, want %d and %q in\n%s%s", r.code, c.code, c.says, r.out, r.err)
			}
			if asked := reg.Asked(); len(asked) > 0 != c.asks {
				t.Errorf("got requests to the registry for %q", asked)
			}
		})
	}
}

// TestHostileLabel checks that no command contacts the registry that an image's label names as
// its base's, so that it can't learn that someone reads the image.
func TestHostileLabel(t *testing.T) {
	noEngines(t)
	t.Setenv("PEEL_OFFLINE", "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	reg := fakeregistry.New(t)
	pushed(t, reg, "base", "1", layersText("", "11"))
	label := "history none\nlabel org.opencontainers.image.base.name=" + reg.Host() + "/base:1\n"
	inFolder(t, "docker-25", layersText(label, "11", "50"))
	annotated := pushed(t, nil, "", "", layersText(label, "11", "50"))
	// If the user gives the same name, peel asks the registry, so the test could detect a
	// request.
	if r := peel("check", "app.tar", "--base", reg.Host()+"/base:1"); len(reg.Asked()) == 0 || !strings.Contains(r.out, "as asked for") {
		t.Fatalf("the registry wasn't asked at all:\n%s%s", r.out, r.err)
	}
	for _, args := range []string{"check app.tar", "check app.tar --base-current on", "check " + annotated, "check app.tar app.tar -f json", "report app.tar", "report app.tar -f json", "report " + annotated + " -f html", "diff app.tar " + annotated, "ls app.tar", "log app.tar /srv/11"} {
		t.Setenv("XDG_CACHE_HOME", t.TempDir()) // the cache may know the base's layers
		reg.Forget()
		r := peel(strings.Fields(args)...)
		if asked := reg.Asked(); len(asked) > 0 {
			t.Errorf("%s: the label's registry was asked for %q", args, asked)
		}
		if r.code > 1 {
			t.Errorf("%s: exit code %d\n%s", args, r.code, r.err)
		}
	}
}
