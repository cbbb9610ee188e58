package cmd

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestDocsCommands, at the root of the repository, runs the commands in blocks of the README and
// the docs. The tests here parse the other commands without running them: those within sentences
// and tables, as inline code, and those in blocks marked "not run". The command must exist and
// have the flags, the flags must take the values, and the number of arguments must fit.
//
// Some notations aren't shell syntax:
//
//	IMAGE, FILE, N    words in capitals are any valid value; for a flag with its own kind of
//	                  value, validValue returns one; COMMAND and SHELL are every command at
//	                  that place
//	info|clear        every alternative must parse
//	[PATH]            must parse with and without it
//	IMAGE...          one or more
//	...               anything may follow: the number of arguments isn't checked
//
// A command without arguments, such as "peel grep" or "peel report -f json", stands for the
// command itself: its number of arguments isn't checked either.

// TestDocsOtherCommands parses the commands that TestDocsCommands doesn't run.
func TestDocsOtherCommands(t *testing.T) {
	pages := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"}
	if err := filepath.WalkDir(filepath.Join("..", "docs"), func(name string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(name) == ".md" {
			pages = append(pages, strings.TrimPrefix(filepath.ToSlash(name), "../"))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, page := range pages {
		for line, code := range codeNotRun(read(t, filepath.Join("..", filepath.FromSlash(page)))) {
			for _, code := range code {
				for _, words := range callsOf(code) {
					seen++
					if err := parses(words); err != nil {
						t.Errorf("%s:%d: `%s`: %v", page, line, code, err)
					}
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("found only %d commands", seen)
	}
}

// TestDocsOtherCommandsFail checks that the test above fails for commands that the program would
// refuse, and for no others.
func TestDocsOtherCommandsFail(t *testing.T) {
	for code, want := range map[string]string{
		"peel": "", "peel IMAGE": "", "peel app:1 app:2": "one image at a time",
		"peel chek app.tar": `unknown command "chek"`,
		"peel ls":           "", "peel ls IMAGE [PATH]": "", "peel ls IMAGE PATH OTHER": "but got 3", "peel ls IMAGE [PATH] [OTHER]": "but got 3",
		"peel ls -l --at=5 app.tar /usr": "", "peel ls --at five app.tar": `"five"`, "peel ls --at N IMAGE": "", "peel ls --layer=I IMAGE": "",
		"peel ls --bade=1 IMAGE": "unknown flag", "peel ls --base 1 IMAGE": "doesn't use --base",
		"peel ls IMAGE --sort SORT": "", "peel ls IMAGE --sort weight": `"weight"`,
		"peel cache info|clear": "", "peel cache info|empty": `"cache empty"`, "peel cache": "",
		"peel check IMAGE...": "", "peel cat IMAGE...": "needs an image and a path", "peel fix IMAGE...": "takes one image",
		"peel report IMAGE -f json -o FILE": "", "peel report -f yaml": `"yaml"`,
		"peel grep": "", "peel grep --sum SHA256": "", "peel grep PATTERN": "needs", "peel grep PATTERN IMAGE PATH": "", "peel grep --sum SHA256 IMAGE PATH OTHER": "takes",
		"peel fleet kube PLAN ...": "", "peel fleet kube ... --image NAME --shards N --rate N": "", "peel fleet kube --tag v1": "unknown flag",
		"peel COMMAND --help": "", "peel fleet COMMAND --help": "", "peel completion SHELL": "", "peel completion tcsh": "tcsh",
		"peel build -t app:1 .": "", "peel build --engine nonsense .": "nonsense", "peel build -- --nonsense .": "",
		"docker save app:1 | peel check - -q": "'q'", "peel squash IMAGE -o - | docker load": "", "peel images && peel man IMAGE": "takes no arguments",
		"PEEL_OFFLINE=1 peel images app:1 app:2": "takes one repository", "peel log app.tar '/srv/a file'": "", "peel log app.tar /srv/a file": "but got 3",
		"docker run --rm ghcr.io/peelhq/peel check -x": "'x'", "ssh me@build peel images a b": "takes one repository",
		"peel --version": "", "peel --versions": "unknown flag", "peel check --max-size SIZE IMAGE": "", "peel check --max-layers many IMAGE": "many",
	} {
		var err error
		commands := callsOf(code)
		for _, words := range commands {
			if err == nil {
				err = parses(words)
			}
		}
		switch {
		case len(commands) == 0:
			t.Errorf("%s: no command", code)
		case want == "" && err != nil:
			t.Errorf("%s: %v", code, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got error %v, want %q", code, err, want)
		}
	}
	for _, code := range []string{"peels", "appeal peel", "peel.xml", "package peel"} {
		if got := callsOf(code); len(got) != 0 {
			t.Errorf("%s: found commands %q", code, got)
		}
	}
	got := codeNotRun("Use `a b`.\n```sh\n`c`\n```\n| `d \\| e` | `f` |\n<!-- not run: g -->\n\n```console\n# h\n$ i \\\n  j # k\n```\n")
	if want := "map[1:[a b] 5:[d | e f] 10:[ i  j]]"; fmt.Sprint(got) != want {
		t.Errorf("code is %v, want %s", got, want)
	}
}

var (
	inlineSpan  = regexp.MustCompile("`([^`]+)`")
	shellWord   = regexp.MustCompile(`'([^']*)'|"([^"]*)"|[^\s'"]+`)
	assignment  = regexp.MustCompile(`^[A-Z_]+=`)
	placeholder = regexp.MustCompile(`^[A-Z][A-Z0-9]*$`)
	optional    = regexp.MustCompile(`^\[(.+)\]$`)
	alternative = regexp.MustCompile(`^[\w-]+(\|[\w-]+)+$`)
)

// codeNotRun returns a page's inline code, and the commands in blocks marked "not run", by line,
// counted from 1.
func codeNotRun(text string) map[int][]string {
	code := map[int][]string{}
	block, above := "", "" // the mark above this block, and the last line outside blocks
	continued := 0         // the line that this one continues
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch fence := strings.HasPrefix(line, "```"); {
		case fence && block != "":
			block = ""
		case fence:
			block = cmp.Or(above, "none")
		case strings.HasPrefix(block, "<!-- not run"):
			line, _, _ = strings.Cut(" "+strings.TrimPrefix(line, "$ "), " #")
			at := i + 1
			if continued != 0 {
				at = continued
				line = code[at][0] + line
			}
			continued = 0
			if line, more := strings.CutSuffix(line, `\`); more {
				continued = at
				code[at] = []string{line}
			} else if strings.TrimSpace(line) != "" {
				code[at] = []string{line}
			}
		case block == "":
			for _, m := range inlineSpan.FindAllStringSubmatch(line, -1) {
				code[i+1] = append(code[i+1], strings.ReplaceAll(m[1], `\|`, "|")) // escaped in tables
			}
			if line != "" {
				above = line
			}
		}
	}
	return code
}

// callsOf returns the calls of peel in code, as words without quotes and without the program's
// name.
func callsOf(code string) (commands [][]string) {
	var words []string
	end := func() {
		for len(words) > 0 && assignment.MatchString(words[0]) {
			words = words[1:]
		}
		start := slices.IndexFunc(words, func(word string) bool { return word == "ghcr.io/peelhq/peel" }) // docker run
		if start < 0 && len(words) > 2 && words[0] == "ssh" {
			start = 2
		}
		if start = max(start, 0); start < len(words) && path.Base(words[start]) == "peel" {
			commands = append(commands, words[start+1:])
		}
		words = nil
	}
	for _, m := range shellWord.FindAllStringSubmatch(code, -1) {
		switch word := m[0]; word {
		case "|", "&&", ">":
			end()
		default:
			words = append(words, m[1]+m[2])
			if m[1]+m[2] == "" {
				words[len(words)-1] = word
			}
		}
	}
	end()
	return commands
}

// parses parses every command that the words stand for, as the program would.
func parses(words []string) error {
	for i, word := range words {
		with := func(others ...string) []string { return slices.Concat(words[:i], others, words[i+1:]) }
		var each [][]string
		if m := optional.FindStringSubmatch(word); m != nil {
			each = [][]string{with(), with(m[1])}
		} else if alternative.MatchString(word) {
			for other := range strings.SplitSeq(word, "|") {
				each = append(each, with(other))
			}
		} else if one, many := strings.CutSuffix(word, "..."); many && one != "" {
			each = [][]string{with(one), with(one, one)}
		} else if word == "COMMAND" || word == "SHELL" {
			c, _, err := parsingRoot(words).Find(words[:i])
			if err != nil {
				return err
			}
			for _, sub := range c.Commands() {
				each = append(each, with(sub.Name()))
			}
		} else {
			continue
		}
		for _, words := range each {
			if err := parses(words); err != nil {
				return err
			}
		}
		return nil
	}
	return parsesOne(words)
}

// parsesOne parses one command, as the program would.
func parsesOne(words []string) error {
	root := parsingRoot(words)
	c, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	open := slices.Contains(words, "...")
	args := slices.DeleteFunc(withValues(c, words), func(word string) bool { return word == "..." })
	var after []string // the arguments that follow the flags
	for _, c := range append(allCommands(root), root) {
		c.RunE = ran
		fits := c.Args
		c.Args = func(c *cobra.Command, args []string) error {
			if after = args; len(args) == 0 || open || fits == nil {
				return nil
			}
			return fits(c, args)
		}
	}
	root.SetArgs(args)
	ended, err := root.ExecuteC()
	if err == nil && c.HasSubCommands() && c != root && len(rest) > 0 && len(after) > 0 {
		return fmt.Errorf("unknown command %q", after[0])
	}
	if err != nil {
		return misuse(ended, err)
	}
	return nil
}

// ran replaces the function of every command. It makes only the checks of arguments that
// commands make when they run.
func ran(c *cobra.Command, args []string) (err error) {
	if c.Name() == "build" && c.DisableFlagParsing {
		own, _ := ownFlags(args)
		return c.Flags().Parse(own)
	}
	if c.Name() == "grep" && len(args) > 0 {
		least := 2
		if c.Flags().Changed("sum") {
			least = 1
		}
		if err := wantArgs(least, least+1, "other arguments")(c, args); err != nil {
			return err
		}
	}
	c.Flags().Visit(func(f *pflag.Flag) {
		if forms, ok := f.Value.(*outputFlag); ok && err == nil {
			_, err = forms.flags.outputs()
		}
	})
	return err
}

// parsingRoot returns the program's commands, with those that cobra adds. They print nothing.
func parsingRoot(words []string) *cobra.Command {
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard}
	root := a.root()
	root.Version = "test"
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	root.InitDefaultCompletionCmd(words...)
	root.InitDefaultHelpCmd()
	return root
}

// allCommands returns all subcommands of c, at any depth.
func allCommands(c *cobra.Command) (all []*cobra.Command) {
	for _, sub := range c.Commands() {
		all = append(append(all, sub), allCommands(sub)...)
	}
	return all
}

// withValues replaces placeholders that are the values of a command's flags.
func withValues(c *cobra.Command, words []string) []string {
	words = slices.Clone(words)
	c.InheritedFlags() // adds them to Flags
	for i, word := range words {
		name, value, joined := strings.Cut(word, "=")
		if !strings.HasPrefix(word, "-") || !joined && i+1 == len(words) {
			continue
		}
		if !joined {
			value = words[i+1]
		}
		f := c.Flags().Lookup(strings.TrimPrefix(name, "--"))
		if short, ok := strings.CutPrefix(name, "-"); ok && len(short) == 1 {
			f = c.Flags().ShorthandLookup(short)
		}
		if f == nil || f.NoOptDefVal != "" && !joined || !placeholder.MatchString(value) {
			continue
		}
		if value = validValue(f, value); joined {
			words[i] = name + "=" + value
		} else {
			words[i+1] = value
		}
	}
	return words
}

// validValue returns a valid value for a flag, which a placeholder stands for.
func validValue(f *pflag.Flag, placeholder string) string {
	switch v := f.Value.(type) {
	case *choice:
		return v.words[0]
	case *outputFlag:
		if !v.isFile {
			return v.flags.known[0]
		}
	case *ruleFlag:
		return v.setting.Example
	case *rangesFlag:
		return "0..1"
	case *layerFlag:
		return "0"
	}
	switch f.Value.Type() {
	case "int", "float64":
		return "1"
	case "bool":
		return "true"
	}
	return placeholder
}
