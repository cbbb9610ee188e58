package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// TestRulesFileErrors checks that the error for an unreadable rules file says where, with exit
// code 2.
func TestRulesFileErrors(t *testing.T) {
	inFolder(t, "docker-25", story)
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	for _, c := range []struct {
		name, file, content string
		says                string
	}{
		{"empty", peelFile, "", ".peel.yaml: it is empty"},
		{"comments alone", peelFile, "# nothing\n\n", ".peel.yaml: it is empty"},
		{"an empty map", peelFile, "{}", ".peel.yaml:1: it has to be a map, as"},
		{"a list", peelFile, "\n- max-wasted\n", ".peel.yaml:2: it has to be a map, as"},
		{"a word", peelFile, "max-wasted", ".peel.yaml:1: it has to be a map, as"},
		{"an unknown key", peelFile, "max-wasted: 5MB\nmax-layer: 3\n", `.peel.yaml:2: unknown key "max-layer": did you mean "max-layers"? The keys are min-efficiency, max-wasted,`},
		{"another case", peelFile, "Max-Wasted: 5MB\n", `.peel.yaml:1: unknown key "Max-Wasted"`},
		{"a hostile key", peelFile, "\"a\\e[31m\\n::error::x\": 5MB\n", `.peel.yaml:1: unknown key "a\x1b[31m\n::error::x"`},
		{"a key twice", peelFile, "max-wasted: 5MB\nmax-layers: 3\nmax-wasted: 6MB\n", `.peel.yaml:3: "max-wasted" occurs twice, also on line 1`},
		{"a key that is a list", peelFile, "[a]: b\n", ".peel.yaml:1: a key has to be a word"},
		{"an invalid size", peelFile, "# limits\nmax-wasted: lots\n", `.peel.yaml:2: max-wasted: "lots": give a size`},
		{"an invalid share", peelFile, "min-efficiency: 95\n", `.peel.yaml:1: min-efficiency: "95": give a share`},
		{"an invalid number", peelFile, "max-layers: 2.5\n", `.peel.yaml:1: max-layers: "2.5": give a number`},
		{"an invalid growth", peelFile, "max-growth: 0.05\n", `.peel.yaml:1: max-growth: "0.05": give a size as 20MB or a share`},
		{"no value", peelFile, "max-wasted:\nmax-layers: 3\n", ".peel.yaml:1: max-wasted has no value"},
		{"null", peelFile, "max-wasted: ~\n", ".peel.yaml:1: max-wasted has no value"},
		{"an empty value", peelFile, "base: ''\n", ".peel.yaml:1: base has no value"},
		{"a list instead of a value", peelFile, "max-wasted: [5MB]\n", ".peel.yaml:1: max-wasted: expected a single value"},
		{"a map for globs", peelFile, "forbid: {a,b}\n", ".peel.yaml:1: forbid: expected a single value (quote globs"},
		{"an empty list", peelFile, "forbid: []\n", ".peel.yaml:1: forbid: the list is empty"},
		{"a list in a list", peelFile, "forbid:\n  - [a]\n", ".peel.yaml:2: forbid: expected a single value"},
		{"an empty glob", peelFile, "forbid:\n  - a\n  -\n", ".peel.yaml:1: forbid has no value"},
		{"no glob", peelFile, "ignore:\n  - a\n  - 'b['\n", `.peel.yaml:3: ignore: "b[": "b[" is not a glob`},
		{"off among globs", peelFile, "forbid:\n  - a\n  - off\n", ".peel.yaml:3: forbid: off in a list of other values"},
		{"a glob without quotes", peelFile, "forbid:\n  - *.pem\n", `.peel.yaml:2: unknown anchor '.pem' referenced (quote globs: "*.pem")`},
		{"an exception without quotes", peelFile, "forbid:\n  - !/etc/ssl\n", `.peel.yaml:2: tags are not supported (quote globs`},
		{"an anchor", peelFile, "max-wasted: &x 5MB\nmax-size: *x\n", ".peel.yaml:1: anchors and aliases are not supported"},
		{"a merge", peelFile, "<<: {max-wasted: 5MB}\n", `.peel.yaml:1: unknown key "<<"`},
		{"a bomb", peelFile, "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n", ".peel.yaml:1: anchors and aliases are not supported"},
		{"deep lists", peelFile, "forbid: " + deep + "\n", ".peel.yaml:1: "},
		{"a second document", peelFile, "max-wasted: 5MB\n---\nmax-wasted: 6MB\n", ".peel.yaml:2: a second document"},
		{"no YAML", peelFile, "max-wasted: 5MB\nforbid: [a\nmax-layers: 3\n", ".peel.yaml:3: "},
		{"a tab", peelFile, "max-wasted: 5MB\n\tmax-layers: 3\n", ".peel.yaml:2: "},
		{"a control character", peelFile, "max-wasted: 5MB\nbase: \x01\n", ".peel.yaml:2: control characters"},
		{"no UTF-8", peelFile, "max-wasted: 5MB\nbase: \xff\n", ".peel.yaml:2: "},
		{"too large", peelFile, "# " + strings.Repeat("x", maxRulesFile), ".peel.yaml: rules of more than 65536 bytes"},
		{"an unknown severity", peelFile, "severity:\n  min-efficiency: fatal\n", `.peel.yaml:2: unknown severity "fatal"`},
		{"a severity of an unknown rule", peelFile, "severity:\n  ignore: warn\n", `.peel.yaml:2: unknown rule "ignore": the rules are`},
		{"a severity without a limit", peelFile, "severity:\n  max-layers: warn\n", ".peel.yaml:2: max-layers is warn, and the rule is off"},
		{"a severity twice", peelFile, "severity:\n  min-efficiency: warn\n  min-efficiency: off\n", `.peel.yaml:3: "min-efficiency" occurs twice`},
		{"no severities", peelFile, "severity:\n", ".peel.yaml:1: severity has to be a map"},
		{"dive's keys in peel's file", peelFile, "rules:\n  lowestEfficiency: 0.9\n", `.peel.yaml:1: unknown key "rules"`},

		{"dive: empty", diveFile, "", ".dive-ci: it is empty"},
		{"dive: an unknown key", diveFile, "rules:\n  lowestEfficency: 0.9\n", `.dive-ci:2: unknown rule of dive "lowestEfficency"`},
		{"dive: an unknown section", diveFile, "rule:\n  lowestEfficiency: 0.9\n", `.dive-ci:1: unknown rule of dive "rule"`},
		{"dive: a value that cannot be read", diveFile, "rules:\n  highestWastedBytes: many\n", `.dive-ci:2: highestWastedBytes: "many": give a size`},
		{"dive: a percentage without a sign", diveFile, "rules:\n  highestUserWastedPercent: 20\n", `.dive-ci:2: highestUserWastedPercent: "20": give a share`},
		{"dive: no value", diveFile, "rules:\n  highestWastedBytes:\n", ".dive-ci:2: highestWastedBytes has no value"},
		{"dive: no rules", diveFile, "rules:\n", ".dive-ci:1: rules has to be a map"},
		{"dive: twice", diveFile, "rules:\n  highestWastedBytes: 1MB\n  highestWastedBytes: 2MB\n", ".dive-ci:3: "},
		{"dive: twice, spelt differently", diveFile, "rules:\n  highestWastedBytes: 1MB\nhighest-wasted-bytes: 2MB\n", `.dive-ci:3: "highest-wasted-bytes" occurs twice, also on line 2 with another spelling`},

		{"the wrong name", wrongFile, "max-wasted: 5MB\n", ".peel.yml is not read: rules are in .peel.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, c.file, []byte(c.content))
			defer os.Remove(c.file)
			r := peel("check", "app.tar")
			if r.code != exitUsage || r.out != "" || !strings.HasPrefix(r.err, "peel: "+c.says) {
				t.Errorf("got exit code %d, standard output %q, standard error\n%s\nwant exit code 2 and\npeel: %s", r.code, r.out, r.err, c.says)
			}
			if c.file == wrongFile {
				return
			}
			// A file named by a flag fails in the same way, wherever it is.
			path := filepath.Join("conf", c.file)
			write(t, path, []byte(c.content))
			defer os.Remove(path)
			if os.Remove(c.file); c.name == "dive's keys in peel's file" || c.name == "dive: an unknown section" {
				return // named files are recognised by their content
			}
			if r := peel("check", "app.tar", "--config", path); r.code != exitUsage || !strings.HasPrefix(r.err, "peel: conf/"+c.says) {
				t.Errorf("with --config: got exit code %d, standard error\n%s", r.code, r.err)
			}
		})
	}
}

// TestFindRules checks which rules file is found, and where.
func TestFindRules(t *testing.T) {
	for _, c := range []struct {
		name  string
		files string // separated by spaces; a directory ends in a slash
		from  string
		want  string // "!" for an error
	}{
		{"nothing", ".git/", ".", ""},
		{"here", ".peel.yaml", ".", ".peel.yaml"},
		{"above, in a repository", ".git/ .peel.yaml a/b/x", "a/b", "../../.peel.yaml"},
		{"the nearest", ".git/ .peel.yaml a/.peel.yaml a/b/x", "a/b", "../.peel.yaml"},
		{"not above the repository", ".peel.yaml a/.git/ a/b/x", "a/b", ""},
		{"at the repository's root", ".peel.yaml a/.git/ a/.peel.yaml a/b/x", "a/b", "../.peel.yaml"},
		{"a worktree's .git is a file", ".peel.yaml a/.git a/b/x", "a/b", ""},
		{"not above, outside of a repository", ".peel.yaml a/x", "a", ""},
		{"here, outside of a repository", "a/.peel.yaml", "a", ".peel.yaml"},
		{"dive's", ".git/ .dive-ci a/x", "a", "../.dive-ci"},
		{"peel's above dive's", ".git/ .peel.yaml a/.dive-ci", "a", "../.peel.yaml"},
		{"dive's not above the repository", ".dive-ci a/.git/", "a", ""},
		{"the wrong name", ".git/ .peel.yml a/x", "a", "!"},
		{"the wrong name beside the right one", ".git/ .peel.yml .peel.yaml", ".", ".peel.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name := range strings.FieldsSeq(c.files) {
				if path := filepath.Join(dir, name); strings.HasSuffix(name, "/") {
					if err := os.MkdirAll(path, 0o755); err != nil {
						t.Fatal(err)
					}
				} else {
					write(t, path, nil)
				}
			}
			got, err := findRules(filepath.Join(dir, c.from))
			if err != nil {
				got = "!"
			}
			if filepath.ToSlash(got) != c.want {
				t.Errorf("found %q (%v), want %q", got, err, c.want)
			}
		})
	}
}

// TestRulesFileKinds checks that anything but a regular file is refused without waiting, and
// doesn't count as an absent file.
func TestRulesFileKinds(t *testing.T) {
	inFolder(t, "docker-25", story)
	for name, create := range map[string]func() error{
		"a directory":       func() error { return os.Mkdir(peelFile, 0o755) },
		"a link to nowhere": func() error { return os.Symlink("nowhere", peelFile) },
		"a device":          func() error { return os.Symlink(os.DevNull, peelFile) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := create(); err != nil {
				t.Skip("this system doesn't let users make such a file:", err)
			}
			defer os.Remove(peelFile)
			if r := peel("check", "app.tar"); r.code != exitUsage || !strings.Contains(r.err, "cannot read the rules") {
				t.Errorf("got exit code %d, standard error %s", r.code, r.err)
			}
		})
	}
	for _, name := range []string{"nowhere.yaml", ".", "nowhere/" + peelFile, "\x1b[31m"} {
		r := peel("check", "app.tar", "--config", name)
		if r.code != exitUsage || !strings.Contains(r.err, "cannot read the rules") || strings.Contains(r.err, "\x1b") {
			t.Errorf("--config %q: got exit code %d, standard error %s", name, r.code, r.err)
		}
	}
}

func TestDiveFile(t *testing.T) {
	inFolder(t, "docker-25", story)
	// dive's ratio of user layers for this image, and the ratio of peel's rule.
	const ratios = "by what the layers above the lowest store: 46.8 kB of 45.8 kB, 102.1 %; max-user-wasted divides what own layers waste by what they store: 40.0 kB of 45.8 kB, 87.3 %"
	for _, c := range []struct{ name, content, want string }{
		{"as in dive's README", "rules:\n  # a comment\n  lowestEfficiency: 0.95\n  highestWastedBytes: 20MB\n  highestUserWastedPercent: 0.20\n", "min-efficiency 0.95 error; max-wasted 20000000 error; max-user-wasted 0.2 error; scope image"},
		{"strings", "rules:\n  lowestEfficiency: \"0.95\"\n  highestWastedBytes: \"1024\"\n", "min-efficiency 0.95 error; max-wasted 1024 error; max-user-wasted 0.1 error; scope image"},
		{"disabled", "rules:\n  lowestEfficiency: disabled\n  highestWastedBytes: 'disabled'\n  highestUserWastedPercent: disabled\n", "scope image"},
		{"other ways to say off", "rules:\n  lowestEfficiency: false\n  highestWastedBytes: \"\"\n  highestUserWastedPercent: Off\n", "scope image"},
		{"off as texts", "rules:\n  lowestEfficiency: 'False'\n  highestUserWastedPercent: ' DISABLED '\n", "scope image"},
		{"only one", "rules:\n  highestWastedBytes: 1KB\n", "min-efficiency 0.9 error; max-wasted 1000 error; max-user-wasted 0.1 error; scope image"},
		{"newer names", "lowest-efficiency-threshold: 0.8\nhighest-wasted-bytes: 5MB\nhighest-user-wasted-percent: disabled\n", "min-efficiency 0.8 error; max-wasted 5000000 error; scope image"},
	} {
		r := analyze.NewRules()
		if err := parseRules(r, diveFile, []byte(c.content), false); err != nil || limits(r) != c.want {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", c.name, err, limits(r), c.want)
		}
		write(t, diveFile, []byte(c.content))
		out := peel("check", "app.tar").out
		if !strings.Contains(out, "\nrules from .dive-ci\n") || !strings.Contains(out, "note: peel applies dive's limits to its own figures") {
			t.Errorf("%s: the output doesn't say whose rules and figures these are:\n%s", c.name, out)
		}
		if got, want := strings.Contains(unwrapped(out), ratios), strings.Contains(c.want, "max-user-wasted"); got != want {
			t.Errorf("%s: both ratios are shown: %v, want %v:\n%s", c.name, got, want, out)
		}
		// Under another name, the file is recognised by its content.
		write(t, "dive.yaml", []byte(c.content))
		if out := peel("check", "app.tar", "--config", "dive.yaml").out; !strings.Contains(out, "rules from dive.yaml") || !strings.Contains(out, "dive's") {
			t.Errorf("%s, under another name:\n%s", c.name, out)
		}
	}
}

// FuzzRulesFile parses any text. It must not panic, and rules that it accepts must survive
// being written with --init and read again.
func FuzzRulesFile(f *testing.F) {
	f.Add([]byte("min-efficiency: 95%\nmax-wasted: 20MB\nforbid: ['*.pem', \"!/etc/ssl\"]\nignore: /a\nseverity: {max-wasted: warn, min-efficiency: off}\n"), false)
	f.Add([]byte("max-growth: 5%\nmax-layers: 3\nbase: sha256:abc\nmin-wasted: 1MB\nforbid: off\n"), false)
	f.Add([]byte("rules:\n  lowestEfficiency: disabled\n  highestWastedBytes: 1MB\n"), true)
	f.Add([]byte("images: [{name: 'app*', max-size: 1MB, severity: {max-size: warn}, dockerfile: a, baseline: b}]\nwaive: [{rule: forbid, path: '/a/**', reason: why, until: '2027-01-31', image: app}, {id: x, reason: y}]\nextends: [a.yaml, 'https://example.com/r#sha256:"+strings.Repeat("0", 64)+"']\n"), false)
	f.Add([]byte("a: &a [*a]\n--- !x\n? [b]\n: {c: |\n  d}\n"), false)
	f.Add(fileOf(analyze.NewRules()), false)
	f.Fuzz(func(t *testing.T, data []byte, dive bool) {
		name := peelFile
		if dive {
			name = diveFile
		}
		r := analyze.NewRules()
		if parseRules(r, name, data, false) != nil {
			return
		}
		again := analyze.NewRules()
		if err := parseRules(again, peelFile, fileOf(r), false); err != nil {
			t.Fatalf("%v in\n%s", err, fileOf(r))
		}
		if got, want := again.String(), r.String(); got != want {
			t.Errorf("read again: got %s\nwant %s\n%s", got, want, fileOf(r))
		}
	})
}
