package dockerfile

import (
	"slices"
	"strings"

	"github.com/peelhq/peel/internal/lazy"
)

// alone matches a here-document that is the whole command of a RUN.
var alone = lazy.New(`^<<-?(?:'[^'<]+'|"[^"<]+"|[^'"<\s]+)$`)

// addCommand appends a command to a RUN; it only runs if those before it succeed.
func (e *editor) addCommand(at int, text string) error {
	it := &e.items[at]
	if it.in.word != "RUN" {
		return because("the %s on line %d runs no commands", it.in.word, it.in.first)
	}
	part, err := e.runPart(it)
	if err != nil {
		return err
	}
	if _, ok := posixShell(it.in.shell); !ok {
		return because("the shell of the RUN on line %d is one that peel doesn't know", it.in.first)
	}
	if part.leaves() {
		return because("the RUN on line %d ends its shell itself", it.in.first)
	}
	if !part.script {
		n := len(it.lines) - 1
		it.lines[n] = withoutSemicolon(body(it.lines[n])) + ending(it.lines[n])
		if part.lasts || part.chain && !part.errexit() {
			e.extend(it, "    && "+text)
			return nil
		}
		return because("the RUN on line %d ends with more than a plain command", it.in.first)
	}
	if !part.lasts {
		return because("the here-document on line %d ends with more than a plain command", it.in.first)
	}
	n := len(it.lines) - 1
	if n < 2 || strings.TrimSpace(it.lines[n-1]) == "" {
		return because("the here-document on line %d ends with an empty line", it.in.first)
	}
	if part.remark {
		return because("there are comments in the here-document on line %d", it.in.first)
	}
	last := it.lines[n-1]
	it.lines[n-1] = withoutSemicolon(body(last)) + " &&" + e.newline(last)
	indent := last[:len(last)-len(strings.TrimLeft(last, " \t"))]
	it.lines = append(it.lines[:n:n], indent+text+e.newline(last), it.lines[n])
	it.changed = true
	return nil
}

// leaves reports whether a command may end or replace the shell.
func (c *command) leaves() bool {
	return slices.ContainsFunc([]string{"exit", "exec", "return"}, c.has)
}

// addOption adds an option to the commands of a program.
func (e *editor) addOption(at int, p Program, option string) error {
	it := &e.items[at]
	if it.in.word != "RUN" {
		return because("the %s on line %d runs no commands", it.in.word, it.in.first)
	}
	part, err := e.runPart(it)
	if err != nil {
		return err
	}
	found := 0
	lines := append([]string(nil), it.lines...)
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		var b strings.Builder
		from := 0
		for _, m := range programs[p].text.FindAllStringSubmatchIndex(line, -1) {
			end := m[0] + len(strings.TrimRight(line[m[0]:m[1]], " \t\r\n"))
			b.WriteString(line[from:end] + " " + option)
			from = end
			found++
		}
		lines[i] = b.String() + line[from:]
	}
	if want := part.calls(p); found == 0 || found != want {
		return because("the commands of the RUN on line %d could not be told apart", it.in.first)
	}
	it.lines, it.changed = lines, true
	return nil
}

// wordEnd returns where the instruction's word ends on its first line. A word could span lines,
// but nobody writes that.
func (it *item) wordEnd() (int, error) {
	line := it.lines[0]
	rest := strings.TrimLeft(strings.TrimPrefix(line, "\xef\xbb\xbf"), " \t")
	start := len(line) - len(rest)
	end := start + len(body(rest))
	if i := strings.IndexAny(rest, " \t\r\n"); i >= 0 {
		end = start + i
	}
	if !strings.EqualFold(line[start:end], it.in.word) {
		return 0, because("the %s on line %d does not begin with its name", it.in.word, it.in.first)
	}
	return end, nil
}

// addFlags adds flags after an instruction's word.
func (e *editor) addFlags(at int, flags string) error {
	it := &e.items[at]
	line := it.lines[0]
	end, err := it.wordEnd()
	if err != nil {
		return err
	}
	it.lines[0] = line[:end] + " " + flags + line[end:]
	it.changed = true
	return nil
}

// setTarget changes the target of a COPY or ADD with one source.
func (e *editor) setTarget(at int, target string) error {
	it := &e.items[at]
	words := strings.Fields(it.in.args)
	if len(it.lines) != 1 || len(words) != 2 || len(it.in.docs) > 0 || strings.ContainsAny(it.in.args, "[]\"'$\\`") {
		return because("the %s on line %d has more than one source", it.in.word, it.in.first)
	}
	line := body(it.lines[0])
	cut := strings.LastIndex(line, words[1])
	it.lines[0] = line[:cut] + target + line[cut+len(words[1]):] + ending(it.lines[0])
	it.changed = true
	return nil
}

// setCommand changes the command of a RUN without flags and here-documents.
func (e *editor) setCommand(at int, text string) error {
	it := &e.items[at]
	end, err := it.wordEnd()
	if err != nil || it.in.word != "RUN" || len(it.in.docs) > 0 || e.flags(it) != "" {
		return because("the %s on line %d is more than a plain command", it.in.word, it.in.first)
	}
	it.lines = []string{it.lines[0][:end] + " " + text + ending(it.lines[len(it.lines)-1])}
	it.changed = true
	return nil
}
