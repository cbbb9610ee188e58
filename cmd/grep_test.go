package cmd

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

const leaky = `
-- layer --
dir etc
file etc/app.conf "user=root\npassword=one\n"
file etc/old.conf "password=two\r\n"
file etc/tool "\x7fELF\x00password=\n"
-- layer --
file etc/app.conf "\tpassword=three \x1b[31m##[error]\n"
-- layer --
dir etc
file etc/.wh.old.conf
`

func TestGrep(t *testing.T) {
	inFolder(t, "docker-25", leaky)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"password app.tar", 0, `
  0  overwritten by 1   /etc/app.conf:2:password=one
  0  removed by 2       /etc/old.conf:1:password=two
  0  visible            /etc/tool: binary file matches
  1  visible            /etc/app.conf:1:	password=three \x1b[31m#\x23[error]
`},
		{"-F password=t app.tar /etc/old.conf", 0, "\n  0  removed by 2       /etc/old.conf:1:password=two\n"},
		{"-l password app.tar --visible", 0, "\n  0  visible            /etc/tool\n  1  visible            /etc/app.conf\n"},
		{"-c -a . app.tar --layer 0", 0, `
  0  overwritten by 1   /etc/app.conf:2
  0  removed by 2       /etc/old.conf:1
  0  visible            /etc/tool:1
`},
		{"-i PASSWORD=ONE app.tar --hidden -m 1", 0, "\n  0  overwritten by 1   /etc/app.conf:2:password=one\n"},
		{"password app.tar --filter old", 0, "\n  0  removed by 2       /etc/old.conf:1:password=two\n"},
		{"nowhere app.tar", 1, "\n"},
		{"password app.tar /srv", 3, "\n"},
		{"password app.tar --layer 7", 2, "\n"},
		{"pass( app.tar", 2, "\n"},
		{"password", 2, "\n"},
		{"password app.tar /etc /srv", 2, "\n"},
		{"password app.tar --visible --hidden", 2, "\n"},
		{"-l -c password app.tar", 2, "\n"},
		{"--sum abc app.tar", 2, "\n"},
		{"--sum abc -i app.tar", 2, "\n"},
		{"password app.tar --filter size:>x", 2, "\n"},
		{"password absent.tar", 3, "\n"},
	} {
		r := peel(append([]string{"grep"}, strings.Fields(c.args)...)...)
		if r.code != c.code || "\n"+r.out != c.want {
			t.Errorf("peel grep %s: got exit code %d, want %d\n%s%s", c.args, r.code, c.code, r.out, r.err)
		}
		if c.code < 2 && r.err != "" || c.code > 1 && !strings.HasPrefix(r.err, "peel: ") {
			t.Errorf("peel grep %s: got standard error %q", c.args, r.err)
		}
	}
}

func TestGrepBySum(t *testing.T) {
	inFolder(t, "kaniko", leaky)
	sum := sha256.Sum256([]byte("password=two\r\n"))
	text := hex.EncodeToString(sum[:])
	for _, args := range [][]string{{"--sum", strings.ToUpper(text)}, {"--sum", text + "  old.conf", "--sum", strings.Repeat("0", 64)}} {
		if r := peel(append(append([]string{"grep"}, args...), "app.tar")...); r.code != 0 || r.out != "  0  removed by 2       /etc/old.conf\n" {
			t.Errorf("peel grep %q: got exit code %d, %s%s", args, r.code, r.out, r.err)
		}
	}
	t.Setenv("PEEL_SUM", text)
	if r := peel("grep", "app.tar", "/etc", "-f", "json"); r.code != 0 || !strings.Contains(r.out, `"sha256":"sha256:`+text) {
		t.Errorf("exit code %d, %s%s", r.code, r.out, r.err)
	}
}

// TestGrepSchema checks the output for every fixture against the schema. It must be the same
// for every source of the image, and name layers that can't be read.
func TestGrepSchema(t *testing.T) {
	s := schema(t, "grep.schema.json")
	for _, f := range testkit.Sample(testkit.Fixtures(t, "../testdata")) {
		t.Run(f.Name, func(t *testing.T) {
			path := f.Shapes()[0].Write(t, f)
			for _, im := range f.Images {
				if im.Absent != "" {
					continue
				}
				ref, platform := f.Ref(path, im)
				args := []string{"grep", "", ref, "-f", "json"}
				if platform != "" {
					args = append(args, "--platform", platform)
				}
				for _, more := range [][]string{nil, {"-a"}, {"-l"}, {"-c"}} {
					r := peel(append(args, more...)...)
					unread := strings.HasPrefix(f.Name, "unreadable") && r.code == exitWork && strings.Contains(r.err, "cannot be read")
					if r.code > exitRule && !unread {
						t.Errorf("%s: exit code %d, %s", ref, r.code, r.err)
					}
					for line := range strings.Lines(r.out) {
						valid(t, s, line)
					}
				}
			}
		})
	}
}

func TestGrepWithoutContents(t *testing.T) {
	inFolder(t, "docker-25", leaky)
	must(t, "index", "app.tar", "-o", "app.index")
	if r := peel("grep", "password", "index:app.index"); r.code != exitWork || r.out != "" || !strings.Contains(r.err, "cannot search index:app.index") {
		t.Errorf("exit code %d, %s%s", r.code, r.out, r.err)
	}
	data, err := os.ReadFile("app.tar")
	if err != nil {
		t.Fatal(err)
	}
	if r := peelIn(strings.NewReader(string(data)), "grep", "-l", "password=one", "-"); r.code != exitFine {
		t.Errorf("standard input: got exit code %d, %s", r.code, r.err)
	}
}

// TestGrepJSONText checks that text that isn't UTF-8 is printed as far as possible.
func TestGrepJSONText(t *testing.T) {
	inFolder(t, "docker-25", "-- layer --\nfile a \"caf\\xc3\\xa9 \\xff\\n\"\n")
	var row struct {
		Text string
		Line int
	}
	if err := json.Unmarshal([]byte(must(t, "grep", "caf", "app.tar", "-f", "json")), &row); err != nil || row.Text != "café \ufffd" || row.Line != 1 {
		t.Errorf("%+v, %v", row, err)
	}
}

// TestGrepSwapped checks that an image in place of the pattern is noticed if the image can't be
// found: the error says which comes first.
func TestGrepSwapped(t *testing.T) {
	inFolder(t, "docker-25", leaky)
	const hint = "try: peel grep PATTERN IMAGE: the pattern comes first"
	for _, c := range []struct {
		args   string
		hinted bool
	}{
		{"app.tar password", true},
		{"docker-archive:app.tar password", true},
		{"app.tar password /etc", true},
		{"password missing.tar", false},
		{"password app.tar", false},
		{"app.tar app.tar", false},
	} {
		r := peel(append([]string{"grep", "--offline", "--engine", "podman"}, strings.Fields(c.args)...)...)
		if strings.Contains(r.err, hint) != c.hinted || c.hinted && r.code != exitWork {
			t.Errorf("%s: got exit code %d\n%s", c.args, r.code, r.err)
		}
		if strings.Count(r.err, "try: ") > 1 {
			t.Errorf("%s: more than one advice:\n%s", c.args, r.err)
		}
	}
}
