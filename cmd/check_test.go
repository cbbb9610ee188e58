package cmd

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

func TestCheckExitCodes(t *testing.T) {
	inFolder(t, "docker-25", story)
	must(t, "report", "app.tar", "-f", "json", "-o", "same.json")
	write(t, "small.json", []byte(`{"schema":"peel.report/v1","image":{},"totals":{"layers":1,"entries":1,"storedBytes":40000,"visibleBytes":40000,"wastedBytes":0,"efficiency":1,"compressedBytes":null,"userWastedBytes":0},"layers":[{"index":0,"storedBytes":40000,"wastedBytes":0}],"waste":[]}`))
	write(t, "other.json", []byte(`{"schema":"peel.ls/v1"}`))
	write(t, "torn.json", []byte(`{"schema":"peel.report/v1","totals":{"layers":1,`))
	write(t, "bare.json", []byte(`{"schema":"peel.report/v1","totals":{"layers":1}}`))
	write(t, "soft.yaml", []byte("max-user-wasted: 10%\nseverity: {min-efficiency: warn, max-user-wasted: warn, secret: off, user: off, healthcheck: off, setuid: off}\n"))
	write(t, "hard.yaml", []byte("min-efficiency: 100%\n"))
	write(t, "floor.yaml", []byte("min-wasted: 1MB\n"))
	write(t, "base.yaml", []byte("base: 6\n"))
	write(t, "growth.yaml", []byte("max-growth: 5%\nmin-efficiency: off\nmax-user-wasted: off\nseverity: {secret: off, user: off, healthcheck: off, setuid: off}\n"))
	const off = " --min-efficiency off --max-user-wasted off --secret off --user off --healthcheck off --setuid off "
	for _, c := range []struct {
		args string
		code int
		out  string // part of standard output
		err  string // part of standard error
	}{
		{"app.tar --config soft.yaml", 0, "passed: 2 rules warned, 0 failed\n", ""},
		{"app.tar --config floor.yaml", 0, "min-efficiency does not fail: the waste,", ""},
		{"app.tar --warn min-efficiency", 0, "warn  min-efficiency", ""},
		{"app.tar --scope image", 1, "FAIL  min-efficiency  11.1 %", ""},
		{"app.tar", 1, "FAIL  min-efficiency  12.7 %", ""},
		{"app.tar --base no-such-image:1 --config none", 0, "----  min-efficiency  unknown", ""},
		{"app.tar --base app.tar --config none", 0, "pass  min-efficiency  100.0 %", ""},
		{"app.tar --base no-such-image:1 --scope image --config none", 1, "FAIL  min-efficiency  11.1 %", ""},
		{"app.tar --config none" + off, 0, "rules from flags and defaults", ""},
		{"app.tar" + off + "--max-layers 5 --max-size 1MB --max-layer-size 30kB --max-files 100", 0, "passed: 4 rules", ""},
		{"app.tar" + off + "--forbid *.key", 0, "pass  forbid", ""},
		{"app.tar" + off + "--max-growth 0 --baseline app.tar", 0, "pass  max-growth", ""},
		{"app.tar" + off + "--max-growth 0 --baseline same.json", 0, "pass  max-growth", ""},
		{"app.tar" + off + "--max-wasted-growth 0 --baseline app.tar", 0, "pass  max-wasted-growth", ""},
		{"app.tar" + off + "--max-wasted-growth 0 --baseline same.json", 0, "pass  max-wasted-growth", ""},
		{"app.tar" + off + "--max-wasted-growth 5% --baseline small.json", 1, "FAIL  max-wasted-growth", ""},
		{"app.tar --config growth.yaml", 0, "passed: 1 rule not checked, 0 failed\n", ""},
		{"app.tar" + off + "--max-compressed-size 1GB", 0, "passed: 1 rule not checked, 0 failed\n", ""},
		{"app.tar --ignore * --config none", 0, "46.8 kB of waste in 5 versions is ignored", ""},

		{"app.tar --config hard.yaml", 1, "rules from hard.yaml", ""},
		{"app.tar --config soft.yaml --error min-efficiency", 1, "failed: 1 of 2 rules, 1 warned\n", ""},
		{"app.tar" + off + "--max-layers 4", 1, "FAIL  max-layers", ""},
		{"app.tar" + off + "--max-size 50kB", 1, "FAIL  max-size", ""},
		{"app.tar" + off + "--max-layer-size 20kB", 1, "layer 1 stores 20.7 kB, more than 20.0 kB", ""},
		{"app.tar" + off + "--max-files 3", 1, "FAIL  max-files", ""},
		{"app.tar" + off + "--forbid model.bin", 1, "FAIL  forbid", ""},
		{"app.tar" + off + "--max-growth 5% --baseline small.json", 1, "FAIL  max-growth", ""},
		{"app.tar --max-layers 1 --warn max-layers", 1, "warn  max-layers", ""},

		{"app.tar --config missing.yaml", 2, "", "cannot read the rules: missing.yaml: no such file or directory\ntry: peel check --init, which writes a .peel.yaml\n"},
		{"app.tar --config base.yaml", 2, "", "--base 6: the image has 5 layers (the base is from base.yaml)"},
		{"app.tar --max-growth 5%", 2, "", "--max-growth: no baseline"},
		{"app.tar --max-wasted-growth 5%", 2, "", "--max-wasted-growth: no baseline"},
		{"app.tar --max-growth 0.05 --baseline app.tar", 2, "", "give a size as 20MB or a share"},
		{"app.tar --warn max-layers", 2, "", "the rule is off: give it a limit"},
		{"app.tar --warn ignore", 2, "", `unknown rule "ignore"`},
		{"app.tar --warn=", 2, "", "unknown rule"},
		{"app.tar --scope all", 2, "", "give \"own\" or \"image\""},
		{"app.tar --max-layers 1.5", 2, "", "give a number"},
		{"app.tar --forbid [", 2, "", "is not a glob"},
		{"app.tar --forbid=", 2, "", "an empty glob"},
		{"app.tar --init", 2, "", "no image with --init"},
		{"--init --config none", 2, "", "uses none"},
		{"", 2, "", "needs at least one image"},

		{"missing.tar --config none", 3, "", "missing.tar"},
		{"- --max-growth 5% --baseline -", 2, "", "only one of the image and its baseline"},
		{"app.tar --max-growth 5% --baseline missing.tar", 3, "", "the baseline: cannot open missing.tar"},
		{"app.tar --max-growth 5% --baseline other.json", 3, "", `cannot read the baseline other.json: its schema is "peel.ls/v1"`},
		{"app.tar --max-growth 5% --baseline torn.json", 3, "", "cannot read the baseline torn.json"},
		{"app.tar --max-growth 5% --baseline bare.json", 3, "", "cannot read the baseline bare.json: totals.entries is missing"},
	} {
		t.Run(c.args, func(t *testing.T) {
			r := peel(append([]string{"check"}, strings.Fields(c.args)...)...)
			if r.code != c.code || !strings.Contains(r.out, c.out) || !strings.Contains(r.err, c.err) {
				t.Errorf("got exit code %d, want %d; standard output:\n%s\nstandard error:\n%s", r.code, c.code, r.out, r.err)
			}
			if c.code < 2 && r.err != "" || c.code >= 2 && r.out != "" {
				t.Errorf("standard output:\n%s\nstandard error:\n%s", r.out, r.err)
			}
		})
	}
}

// TestCheckBase checks that the base comes from the file, unless the flag names another.
func TestCheckBase(t *testing.T) {
	inFolder(t, "docker-25", story)
	write(t, peelFile, []byte("base: 2\n"))
	file, flag := peel("check", "app.tar").out, peel("check", "app.tar", "--base", "1").out
	want := peel("check", "app.tar", "--config", "none", "--base", "2").out
	line := func(out string) string {
		_, line, _ := strings.Cut(out, "min-efficiency")
		line, _, _ = strings.Cut(line, "\n")
		return line
	}
	if line(file) != line(want) || line(file) == line(flag) {
		t.Errorf("with the file's base got %q, with --base 2 %q, with both %q", line(file), line(want), line(flag))
	}
}

// limits formats rules that have a value, without those that are only on or off.
func limits(r *analyze.Rules) string {
	all := strings.Split(r.String(), "; ")
	return strings.Join(slices.DeleteFunc(all, func(rule string) bool { return strings.HasSuffix(rule, " on warning") }), "; ")
}

func TestCheckRulesGolden(t *testing.T) {
	inFolder(t, "docker-25", story)
	write(t, peelFile, []byte(`max-layers: 4
max-growth: 5%
max-size: 40kB
forbid: [model.bin, /usr/share/doc, "*.key"]
ignore: /usr/share
severity:
  max-layers: warn
`))
	r := peel("check", "app.tar")
	golden(t, "check-rules", r.out)
}

func TestInit(t *testing.T) {
	for _, c := range []struct {
		name, dive, flags string
		says              string
		want              string
	}{
		{"plain", "", "", "wrote .peel.yaml\n", "min-efficiency 0.9 error"},
		{"with a .dive-ci", "rules:\n  lowestEfficiency: 0.8\n  highestWastedBytes: 20MB\n  highestUserWastedPercent: disabled\n", "",
			"wrote .peel.yaml, with the limits of .dive-ci\n", "min-efficiency 0.8 error; max-wasted 20000000 error; scope image"},
		{"with flags", "rules:\n  lowestEfficiency: 0.8\n", "--min-efficiency 70% --forbid *.pem --forbid !/etc/ssl --ignore /a,b --max-layers 3 --warn max-layers,forbid --base 2 --max-growth 5% --baseline x --min-wasted 1MB",
			"wrote .peel.yaml, with the limits of .dive-ci\n", "min-efficiency 0.7 error; max-user-wasted 0.1 error; max-layers 3 warning; max-growth {-1 0.05} error; forbid [*.pem !/etc/ssl] warning; ignore [/a,b]; min-wasted 1000000; scope image; base 2"},
		{"elsewhere", "", "--config conf.yaml", "wrote conf.yaml\n", "min-efficiency 0.9 error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if c.dive != "" {
				write(t, diveFile, []byte(c.dive))
			}
			if got := must(t, append([]string{"check", "--init"}, strings.Fields(c.flags)...)...); got != c.says {
				t.Errorf("got %q, want %q", got, c.says)
			}
			name := peelFile
			if strings.Contains(c.flags, "conf.yaml") {
				name = "conf.yaml"
			}
			r := analyze.NewRules()
			if err := readRules(r, name, true); err != nil || limits(r) != c.want {
				t.Errorf("got %v, the file has\n%s\nwant\n%s\n%s", err, limits(r), c.want, read(t, name))
			}
			if c.name == "plain" {
				golden(t, "init", read(t, name))
			}
			// The commented-out settings are valid too.
			var bare strings.Builder
			for line := range strings.Lines(read(t, name)) {
				if !strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "#  ") {
					bare.WriteString(strings.TrimPrefix(line, "#"))
				}
			}
			if err := parseRules(analyze.NewRules(), peelFile, []byte(bare.String()), false); err != nil {
				t.Errorf("%v in\n%s", err, bare.String())
			}
		})
	}
}

// TestInitKeeps checks that --init overwrites nothing.
func TestInitKeeps(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, peelFile, []byte("max-layers: 3\n"))
	if r := peel("check", "--init"); r.code != exitWork || r.out != "" || !strings.Contains(r.err, ".peel.yaml already exists") || read(t, peelFile) != "max-layers: 3\n" {
		t.Errorf("over a file: got exit code %d, %s", r.code, r.err)
	}
	if err := os.Remove(peelFile); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("elsewhere", peelFile); err != nil {
		t.Skip("can't make symbolic links:", err)
	}
	if r := peel("check", "--init"); r.code != exitWork {
		t.Errorf("over a dangling link: got exit code %d, %s", r.code, r.err)
	}
	if _, err := os.Stat("elsewhere"); err == nil {
		t.Error("wrote through the link")
	}
	write(t, diveFile, []byte("rules: {lowest: 1}\n"))
	if r := peel("check", "--init", "--config", "new.yaml"); r.code != exitUsage || !strings.Contains(r.err, ".dive-ci:1:") {
		t.Errorf("with a faulty .dive-ci: got exit code %d, %s", r.code, r.err)
	}
	if _, err := os.Stat("new.yaml"); err == nil {
		t.Error("wrote a file anyway")
	}
}

// TestCheckIsClean checks that names and globs never reach a terminal unescaped.
func TestCheckIsClean(t *testing.T) {
	inFolder(t, "docker-25", `
-- image app:1 linux/amd64 --
step "RUN echo \x1b]0;title\x07"
-- layer --
file "\x1b[31mred" 700
file "two\n::error::lines" 700
file "\u202egpj.exe" 700
`)
	write(t, "\u202e\x1b[31m.yaml", []byte("forbid: ['*', \"\\e\\\\[31mred\"]\nmax-layer-size: 5\nbase: 0\nmax-size: 10\n"))
	for _, args := range [][]string{
		{"check", "app.tar", "--config", "\u202e\x1b[31m.yaml"},
		{"check", "app.tar", "--forbid", "\x1b["},
		{"check", "app.tar", "--warn", "\x1b[31m"},
		{"check", "app.tar", "--baseline", "\x1b[31m", "--max-growth", "5%"},
	} {
		r := peel(args...)
		if text := r.out + r.err; strings.ContainsAny(text, "\x1b\x07\u202e") || strings.Contains(text, "\n::") || r.code == 0 {
			t.Errorf("peel %q: got exit code %d and output %q", args, r.code, text)
		}
	}
	if out := peel("check", "app.tar", "--config", "\u202e\x1b[31m.yaml").out; !strings.Contains(out, `\x1b[31mred`) {
		t.Errorf("the names aren't shown:\n%s", out)
	}
}
