package analyze_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestRuleUser checks which user a container of an image runs as.
func TestRuleUser(t *testing.T) {
	const passwd = `file etc/passwd "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nzero:x:00:0::/:\napp:x:1000:1000::/:/bin/sh\napp:x:0:0::/:\n"`
	for _, c := range []struct{ user, layers, want string }{
		{"", passwd, "user fails: the image runs as root: it names no user"},
		{"root", passwd, "user fails: the image runs as root: its user is root"},
		{"root:app", passwd, "user fails: the image runs as root: its user is root:app"},
		{"0", passwd, "user fails: the image runs as root: its user is 0"},
		{"0:1000", passwd, "user fails: the image runs as root: its user is 0:1000"},
		{"000", passwd, "user fails: the image runs as root: its user is 000"},
		{"+0", passwd, "user fails: the image runs as root: its user is +0"},
		{"-0", passwd, "user fails: the image runs as root: its user is -0"},
		{"toor", passwd, "user fails: the image runs as root: toor has number 0 in /etc/passwd"},
		{"zero", passwd, "user fails: the image runs as root: zero has number 0 in /etc/passwd"},
		{"app", passwd, "user holds: the image runs as app, number 1000"},
		{"app:0", passwd, "user holds: the image runs as app, number 1000"},
		{"10001", passwd, "user holds: the image runs as user 10001"},
		{"nobody", passwd, "user not checked: user is not checked: no user nobody in /etc/passwd: engines will not start a container"},
		{"app", "file x 1", "user not checked: user is not checked: no user app in /etc/passwd: engines will not start a container"},
		{"app", passwd + "\n-- layer --\nfile etc/passwd \"app:x:0:0::/:\\n\"", "user fails: the image runs as root: app has number 0 in /etc/passwd"},
		{"app", passwd + "\n-- layer --\nfile etc/.wh.passwd", "user not checked: user is not checked: no user app in /etc/passwd: engines will not start a container"},
		{"app", "file usr/passwd \"app:x:0:0::/:\\n\"\nsymlink etc/passwd -> ../usr/passwd", "user holds: the image runs as app, whose number is not known: /etc/passwd cannot be read here"},
	} {
		text := "-- image fixture:1 linux/amd64 --\n"
		if c.user != "" {
			text += "user " + c.user + "\n"
		}
		_, o := checkedWith(t, text+"-- layer --\n"+c.layers+"\n", "oci-tar.gz", "user on")
		if got, _, _ := strings.Cut(resultOf(o), "\n"); got != c.want {
			t.Errorf("user %q, %s\ngot  %s\nwant %s", c.user, c.layers, got, c.want)
		}
	}
}

// Windows has no user called root.
func TestRuleUserOnWindows(t *testing.T) {
	for user, want := range map[string]string{
		"":                       "user not checked: user is not checked: a Windows image that names no user",
		"ContainerAdministrator": "user fails: the image runs as ContainerAdministrator",
		"ContainerUser":          "user holds: the image runs as ContainerUser",
	} {
		text := "-- image fixture:1 windows/amd64:10.0.20348 --\n"
		if user != "" {
			text += "user " + user + "\n"
		}
		_, o := checkedWith(t, text+"-- layer --\nfile x 1\n", "oci-tar", "user on")
		if got := resultOf(o); !strings.HasPrefix(got, want) {
			t.Errorf("user %q: %s, want %s", user, got, want)
		}
	}
}

func TestRuleHealthcheck(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"", "healthcheck fails: the image has no health check"},
		{"healthcheck NONE", "healthcheck fails: the image's health check is switched off: HEALTHCHECK NONE"},
		{`healthcheck "CMD curl localhost"`, "healthcheck holds: the image has a health check"},
		{"healthcheck CMD-SHELL", "healthcheck holds: the image has a health check"},
	} {
		for _, shape := range []string{"docker-20", "oci-tar"} {
			_, o := checkedWith(t, "-- image fixture:1 linux/amd64 --\n"+c.line+"\n-- layer --\nfile x 1\n", shape, "healthcheck on")
			if got, _, _ := strings.Cut(resultOf(o), "\n"); got != c.want {
				t.Errorf("%q: %s, want %s", c.line, got, c.want)
			}
		}
	}
}

func TestRuleLabel(t *testing.T) {
	const text = `-- image fixture:1 linux/amd64 --
label org.example.team=shop
label org.example.source=https://git.invalid/shop
label org.example.empty=
-- layer --
file x 1
`
	for _, c := range []struct{ wants, want string }{
		{"org.example.team", "label holds: the image has all required labels"},
		{"org.example.source=https://git.invalid/*", "label holds: the image has all required labels"},
		{"org.example.source=*shop", "label holds: the image has all required labels"},
		{"org.example.team=sho?", "label holds: the image has all required labels"},
		{"org.example.team=sho", "label fails: labels are missing or wrong: org.example.team"},
		{"org.example.empty", "label fails: labels are missing or wrong: org.example.empty"},
		{"org.example.owner", "label fails: labels are missing or wrong: org.example.owner"},
		{"org.example.team; label a; label b", "label fails: labels are missing or wrong: a and b"},
	} {
		_, o := checkedWith(t, text, "oci-tar", "label "+c.wants)
		got := resultOf(o)
		if line, _, _ := strings.Cut(got, "\n"); line != c.want {
			t.Errorf("%s: %s, want %s", c.wants, line, c.want)
		}
		if o.Failed() != strings.Contains(c.want, "fails") {
			t.Errorf("%s: failed %v", c.wants, o.Failed())
		}
	}
}

// TestRuleSetuid checks that a file counts as new unless the base has an equally privileged one
// at the same path. Directories don't count, and files that later layers hide are only a note.
func TestRuleSetuid(t *testing.T) {
	const text = `-- image fixture:1 linux/amd64 --
step "FROM scratch"
step "RUN chown -R app /usr && chmod u+s /usr/bin/plain"
step "COPY bin /usr/local/bin"
step "RUN rm /usr/local/bin/gone && setcap cap_net_raw+ep /usr/bin/ping"
-- layer --
file usr/bin/su 10 mode=04755
file usr/bin/plain 10 mode=0755
file usr/bin/ping 10 mode=0755
dir var/mail mode=02775
-- layer --
file usr/bin/su 10 mode=04755 uid=1000
file usr/bin/plain 10 mode=04755
-- layer --
dir usr/local/share mode=02775
file usr/local/bin/tool 20 mode=06755
hardlink usr/local/bin/same -> usr/local/bin/tool
file usr/local/bin/gone 30 mode=02755
symlink usr/local/bin/link -> tool
-- layer --
file usr/local/bin/.wh.gone
file usr/bin/ping 10 mode=0755 xattr:security.capability="\x01\x00\x00\x02 \x00"
`
	_, o := checkedWith(t, text, "oci-tar", "setuid on error")
	testkit.Golden(t, filepath.Join("testdata", "rule-setuid.golden"), resultOf(o), *update)
	if !o.Failed() {
		t.Error("the rule doesn't fail")
	}
	_, o = checkedWith(t, "-- layer --\nfile su 1 mode=04755\n-- layer --\nfile gone 1 mode=04755\n-- layer --\nfile .wh.gone\n", "oci-tar", "setuid on error")
	if o.Failed() || len(o.Findings) != 1 || o.Findings[0].Severity != analyze.Note {
		t.Errorf("a hidden file fails the rule: %s", resultOf(o))
	}
	// The header of a hard link makes its file setuid, from any layer, even if the link is deleted.
	for _, links := range []string{"hardlink ls -> su mode=04755\n", "hardlink ls -> su mode=04755\nhardlink last -> su mode=0755\n", "-- layer --\nhardlink ls -> su mode=04755\n"} {
		_, o = checkedWith(t, "-- layer --\nfile x 1\n-- layer --\nfile su 1 mode=0755\n"+links, "oci-tar", "setuid on error")
		if !o.Failed() {
			t.Errorf("%q passes: %s", links, resultOf(o))
		}
	}
	_, o = checkedWith(t, "-- layer --\nfile x 1\n-- layer --\nfile su 1 mode=0755\nhardlink ls -> su mode=04755\n-- layer --\nfile .wh.ls\n", "oci-tar", "setuid on error")
	if !o.Failed() || o.Findings[0].Path != "/su" {
		t.Errorf("a file that its hard link makes setuid: %s", resultOf(o))
	}
}

// TestRulesOfAnIndex checks that an image read without its contents, for example from an index,
// keeps the findings made in its files when the index was written.
func TestRulesOfAnIndex(t *testing.T) {
	f, err := testkit.Parse(tokens.Replace("-- image fixture:1 linux/amd64 --\nuser app\n-- layer --\nfile etc/passwd \"app:x:0:0::/:\\n\"\n-- layer --\nfile srv/a.key \"{key}\"\nfile srv/b.key \"{cert}\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	opts := source.Options{Platform: "linux/amd64", Collect: analyze.Collectors()}
	im := run(t, testkit.ShapeNamed("oci-tar").Write(t, f), opts).Image
	index := filepath.Join(t.TempDir(), "a.peelindex")
	var b bytes.Buffer
	if err := source.WriteIndex(t.Context(), &b, im); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(index, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	a := run(t, "index:"+index, opts)
	if got := resultOf(analyze.Hold(t, a, "secret on")); !strings.Contains(got, "/srv/a.key holds a private key") || strings.Contains(got, "b.key") {
		t.Errorf("%s", got)
	}
	if got := resultOf(analyze.Hold(t, a, "user on")); !strings.Contains(got, "app has number 0") {
		t.Errorf("%s", got)
	}
}
