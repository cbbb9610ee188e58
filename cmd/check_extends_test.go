package cmd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// TestExtends checks what one rules file inherits from others, in which order and from where,
// and what is refused.
func TestExtends(t *testing.T) {
	t.Setenv("PEEL_OFFLINE", "0")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	var asked atomic.Int32
	shared := "max-layers: 7\nforbid: ['*.key']\nwaive: [{id: x, reason: y}]\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/rules.yaml":
			_, _ = w.Write([]byte(shared))
		case "/away":
			http.Redirect(w, r, "http://example.invalid/rules.yaml", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/large":
			_, _ = w.Write([]byte("# " + strings.Repeat("x", maxRulesFile)))
		case "/names":
			_, _ = w.Write([]byte("dockerfile: Dockerfile\n"))
		case "/path":
			_, _ = w.Write([]byte("extends: other.yaml\n"))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	sum := digest([]byte(shared))
	at := func(path, sum string) string {
		return fmt.Sprintf("extends: '%s%s#sha256:%s'\n", server.URL, path, sum)
	}
	deep := map[string]string{}
	for n := range 10 {
		deep[fmt.Sprintf("repo/%d.yaml", n)] = fmt.Sprintf("extends: %d.yaml\n", n+1)
	}
	deep["repo/10.yaml"] = "max-layers: 1\n"
	wide := "extends: ["
	many := map[string]string{}
	for n := range 40 {
		name := fmt.Sprintf("w%d.yaml", n)
		many["repo/"+name] = "max-layers: 1\n"
		wide += name + ","
	}
	for _, c := range []struct {
		name, rules string
		files       map[string]string
		args        string
		want        string // the rules; or "!" and the error
	}{
		{"a file", "extends: ../base.yaml\nmax-layers: 3\n", map[string]string{"repo/base.yaml": "max-layers: 9\nmax-size: 1MB\n"}, "", "max-size 1000000 error; max-layers 3 error"},
		{"a flag overrides all files", "extends: ../base.yaml\nmax-layers: 3\n", map[string]string{"repo/base.yaml": "max-layers: 9\n"}, "--max-layers 4", "max-layers 4 error"},
		{"the later overrides the earlier", "extends: [a.yaml, b.yaml]\n", map[string]string{"repo/sub/a.yaml": "max-layers: 1\nmax-files: 5\n", "repo/sub/b.yaml": "max-layers: 2\n"}, "", "max-layers 2 error; max-files 5 error"},
		{"globs add up", "extends: a.yaml\nforbid: [b]\n", map[string]string{"repo/sub/a.yaml": "forbid: [a]\n"}, "--forbid c", "forbid [a b c] error"},
		{"off takes back", "extends: a.yaml\nforbid: off\n", map[string]string{"repo/sub/a.yaml": "forbid: [a]\n"}, "", ""},
		{"a severity of an inherited limit", "extends: a.yaml\nseverity: {max-layers: warn}\n", map[string]string{"repo/sub/a.yaml": "max-layers: 2\n"}, "", "max-layers 2 warning"},
		{"a chain", "extends: a.yaml\n", map[string]string{"repo/sub/a.yaml": "extends: ../b.yaml\nmax-layers: 2\n", "repo/b.yaml": "max-layers: 3\nmax-files: 4\n"}, "", "max-layers 2 error; max-files 4 error"},
		{"the same file by two ways", "extends: [a.yaml, b.yaml]\n", map[string]string{"repo/sub/a.yaml": "extends: c.yaml\nmax-layers: 2\n", "repo/sub/b.yaml": "extends: c.yaml\n", "repo/sub/c.yaml": "max-layers: 3\n"}, "", "max-layers 2 error"},
		{"a URL", at("/rules.yaml", sum), nil, "", "max-layers 7 error; forbid [*.key] error"},
		{"a URL in a map", fmt.Sprintf("extends: {url: '%s/rules.yaml', sha256: %s}\n", server.URL, strings.ToUpper(sum)), nil, "", "max-layers 7 error; forbid [*.key] error"},
		{"offline, from the cache", at("/rules.yaml", sum), nil, "--offline", "max-layers 7 error; forbid [*.key] error"},

		{"itself", "extends: .peel.yaml\n", nil, "", "!.peel.yaml:1: extends: .peel.yaml extends itself"},
		{"in a circle", "extends: a.yaml\n", map[string]string{"repo/sub/a.yaml": "extends: b.yaml\n", "repo/sub/b.yaml": "extends: a.yaml\n"}, "", "!.peel.yaml:1: extends: a.yaml:1: extends: b.yaml:1: extends: a.yaml extends itself"},
		{"too deep", "extends: ../0.yaml\n", deep, "", "!more than 8 files extend each other"},
		{"too many", wide[:8] + " [" + strings.ReplaceAll(wide[10:len(wide)-1], "w", "../w") + "]\n", many, "", "!more than 32 rules files"},
		{"outside of the repository", "extends: ../../base.yaml\n", map[string]string{"base.yaml": "max-layers: 1\n"}, "", `!extends: "../../base.yaml" lies outside of the repository`},
		{"outside through a link", "extends: link.yaml\n", map[string]string{"base.yaml": "max-layers: 1\n"}, "", `!extends: "link.yaml" lies outside of the repository`},
		{"an absolute path", "extends: /etc/passwd\n", nil, "", "!give a path relative to the file"},
		{"not there", "extends: none.yaml\n", nil, "", "!.peel.yaml:1: extends: cannot read it"},
		{"a folder", "extends: ..\n", nil, "", "!is not a regular file"},
		{"wrong in it", "extends: a.yaml\n", map[string]string{"repo/sub/a.yaml": "\nmax-layer: 1\n"}, "", `!.peel.yaml:1: extends: a.yaml:2: unknown key "max-layer": did you mean "max-layers"?`},
		{"a severity without a limit", "extends: a.yaml\n", map[string]string{"repo/sub/a.yaml": "\nseverity: {max-layers: warn}\n"}, "", "!a.yaml:2: max-layers is warn, and the rule is off"},
		{"another digest", at("/rules.yaml", strings.Repeat("0", 64)), nil, "", "!has changed: its digest is sha256:" + sum},
		{"without a digest", "extends: " + server.URL + "/rules.yaml\n", nil, "", "!add the digest of the file at the URL"},
		{"not https", "extends: 'http://example.com/r.yaml#sha256:" + sum + "'\n", nil, "", "!only https is fetched"},
		{"with a password", "extends: 'https://me:secret@example.com/r.yaml#sha256:" + sum + "'\n", nil, "", "!the URL contains a user name or password"},
		{"redirected to http", at("/away", sum[:63]+"0"), nil, "", "!only https is fetched"},
		{"redirected in a circle", at("/round", sum[:63]+"0"), nil, "", "!too many redirects"},
		{"too large", at("/large", sum[:63]+"0"), nil, "", "!more than 65536 bytes, the maximum"},
		{"no such page", at("/none", sum[:63]+"0"), nil, "", "!the server answers 404"},
		{"a path in a fetched file", at("/path", digest([]byte("extends: other.yaml\n"))), nil, "", "!can extend only a URL"},
		{"a Dockerfile in a file that was fetched", at("/names", digest([]byte("dockerfile: Dockerfile\n"))), nil, "", "!belongs to no repository"},
		{"offline", at("/other.yaml", strings.Repeat("1", 64)), nil, "--offline", "!is not in the cache, and --offline forbids fetching it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for name, text := range c.files {
				write(t, name, []byte(text))
			}
			if err := os.MkdirAll(filepath.Join("repo", ".git"), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, "repo/sub/.peel.yaml", []byte(c.rules))
			if strings.Contains(c.name, "link") {
				if err := os.Symlink("../../base.yaml", "repo/sub/link.yaml"); err != nil {
					t.Skip(err)
				}
			}
			t.Chdir("repo/sub")
			r := peel(append(strings.Fields("check --print-config -f json --min-efficiency off --max-user-wasted off --secret off --user off --healthcheck off --setuid off"), strings.Fields(c.args)...)...)
			if want, wrong := strings.CutPrefix(c.want, "!"); wrong {
				if r.code != 2 || r.out != "" || !strings.Contains(r.err, want) || strings.Contains(r.err, ":secret") {
					t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
				}
				return
			}
			if got := inForceOf(t, r.out); r.code != 0 || got != c.want {
				t.Errorf("got exit code %d, %s\ngot  %s\nwant %s", r.code, r.err, got, c.want)
			}
		})
	}
	before := asked.Load()
	t.Chdir(t.TempDir())
	write(t, peelFile, []byte(at("/rules.yaml", sum)))
	must(t, "check", "--print-config", "-o", "x")
	if asked.Load() != before {
		t.Error("a cached file was fetched again")
	}
	must(t, "check", "--print-config", "--no-cache", "-o", "x")
	if asked.Load() == before {
		t.Error("with --no-cache, the file wasn't fetched")
	}
}

// inForceOf lists the enabled settings of rules printed as JSON.
func inForceOf(t *testing.T, text string) string {
	t.Helper()
	var doc configDocument
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Errorf("%v in %s", err, text)
		return ""
	}
	return ruled(t, &doc)
}

// ruled parses printed rules and formats them with Rules.String.
func ruled(t *testing.T, doc *configDocument) string {
	t.Helper()
	var b strings.Builder
	p := &configText{}
	p.section("", &doc.Rules)
	b.WriteString(p.String())
	r := newRuling(analyze.NoRules())
	f := &rulesFile{dir: ".", path: "printed"}
	if err := f.parse([]byte(b.String()), false); err != nil {
		t.Fatalf("the printed rules can't be parsed: %v\n%s", err, b.String())
	}
	if err := r.takeFile(f, ""); err != nil {
		t.Fatal(err)
	}
	return r.String()
}

// TestPrintConfig checks the origin of each value: file and line, flag or default.
func TestPrintConfig(t *testing.T) {
	form := schema(t, "config.schema.json")
	t.Chdir(t.TempDir())
	write(t, "base.yaml", []byte("max-size: 1GB\nforbid:\n  - '*.pem'\n"))
	write(t, peelFile, []byte(`extends: base.yaml
max-layers: 20
forbid: [.git]
dockerfile: build/Dockerfile
severity: {max-layers: warn}
images:
  - name: registry.example/app
    max-size: 200MB
    severity: {max-size: warn}
  - name: "registry.example/jobs/*"
    baseline: registry.example/jobs:main
waive:
  - {rule: forbid, path: /srv/app/testdata, reason: keys of the tests, until: 2030-01-31}
`))
	args := []string{"check", "--print-config", "--forbid", "*.key", "--error", "max-size"}
	golden(t, "print-config", must(t, args...))
	golden(t, "print-config-json", must(t, append(args, "-f", "json")...))
	golden(t, "print-config-image", must(t, append(args, "registry.example/app:1")...))
	valid(t, form, must(t, append(args, "-f", "json")...))
	valid(t, form, must(t, append(args, "-f", "json", "app:1")...))
	if r := peel(append(args, "-f", "sarif")...); r.code != 2 {
		t.Errorf("as SARIF: got exit code %d", r.code)
	}
	// It reads no image, so the image needn't exist.
	if r := peel("check", "--print-config", "none.tar"); r.code != 0 {
		t.Errorf("exit code %d, %s", r.code, r.err)
	}
}
