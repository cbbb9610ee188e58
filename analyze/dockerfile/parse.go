package dockerfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/peelhq/peel/internal/lazy"
)

// MaxSize is the maximum size of a Dockerfile in bytes: far more than any real one.
const MaxSize = 4 << 20

// maxInstructions is the maximum number of instructions, far more than in any real Dockerfile.
const maxInstructions = 10_000

// A File is a parsed Dockerfile: stages of instructions. It is parsed to find
// lines, so only variables in FROM are replaced, and only what identifies
// instructions is checked. Source: the Dockerfile reference at docs.docker.com.
type File struct {
	name   string // as given, with slashes
	text   []byte
	stages []stage
	args   []string // arguments of each ARG before the first FROM
	escape byte

	last int               // index of the stage of the image: see For
	vars map[string]string // values of variables in FROM, if For has chosen them
}

// A stage is a FROM and the instructions up to the next one.
type stage struct {
	from  string // an image or the name of an earlier stage
	name  string // after AS, in lower case; or ""
	steps []instruction
	first int // line of the FROM, 1-based
}

// An instruction is one step of a build.
type instruction struct {
	word        string // "RUN"
	args        string // the rest, without flags, with continued lines joined
	docs        []document
	shell       string // from SHELL; "" for the default
	first, last int    // 1-based lines
}

// A document is a here-document of an instruction.
type document struct{ name, text string }

// Parse parses a Dockerfile of at most MaxSize bytes. Lines and errors use name; an error also
// names the line. The File keeps text.
func Parse(name string, text []byte) (*File, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%s: %d bytes, more than a Dockerfile may have", name, len(text))
	}
	p := &parser{lines: strings.Split(string(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))), "\n"), escape: '\\'}
	d := &File{name: strings.ReplaceAll(name, `\`, "/"), text: text}
	p.directives()
	d.escape = p.escape
	for count := 0; ; count++ {
		in, err := p.instruction()
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s:%w", name, err)
		case in == nil && len(d.stages) == 0:
			return nil, fmt.Errorf("%s: no FROM: not a Dockerfile", name)
		case in == nil:
			return d, nil
		case count >= maxInstructions:
			return nil, fmt.Errorf("%s:%d: more than %d instructions", name, in.first, maxInstructions)
		}
		if err := d.add(*in); err != nil {
			return nil, fmt.Errorf("%s:%w", name, err)
		}
	}
}

// add appends an instruction to the current stage.
func (d *File) add(in instruction) error {
	if in.word == "FROM" {
		words := strings.Fields(in.args)
		if len(words) == 0 {
			return fmt.Errorf("%d: FROM names no image", in.first)
		}
		s := stage{from: words[0], first: in.first}
		if len(words) == 3 && strings.EqualFold(words[1], "AS") {
			s.name = strings.ToLower(words[2])
		}
		d.last = len(d.stages)
		d.stages = append(d.stages, s)
		return nil
	}
	if len(d.stages) == 0 {
		if in.word == "ARG" { // for FROM; not a step of an image
			d.args = append(d.args, in.args)
			return nil
		}
		return fmt.Errorf("%d: %s stands before the first FROM", in.first, in.word)
	}
	s := &d.stages[len(d.stages)-1]
	if n := len(s.steps); n > 0 {
		in.shell = s.steps[n-1].shell
	}
	if in.word == "SHELL" {
		in.shell, _ = execForm(in.args)
	}
	s.steps = append(s.steps, in)
	return nil
}

// final returns the instructions of the image's stage, in order: first those of the stage that it
// is built on, including its ONBUILD triggers.
func (d *File) final() []instruction {
	var chain []*stage
	for at := d.last; at >= 0; at = d.parent(at) {
		chain = append(chain, &d.stages[at])
	}
	var steps, later []instruction
	for _, s := range slices.Backward(chain) {
		steps = append(steps, later...)
		later = nil
		for _, in := range s.steps {
			steps = append(steps, in)
			if in.word == "ONBUILD" {
				word, args := cutWord(in.args)
				in.word, in.args = strings.ToUpper(word), withoutFlags(args)
				later = append(later, in)
			}
		}
	}
	return steps
}

// BaseLine returns the line, 1-based, of the FROM with the base image of the image's stage: see
// Base.
func (d *File) BaseLine() int {
	at := d.last
	for before := at; before >= 0; before = d.parent(at) {
		at = before
	}
	return d.stages[at].first
}

// parent returns the index of the stage that a stage is built on, or -1.
func (d *File) parent(at int) int {
	if name, ok := replaced(unquoted(d.stages[at].from), d.vars, d.escape); ok {
		return d.stageBefore(at, name)
	}
	return -1
}

// stageBefore returns the index of the stage with that name before stage at, or -1.
func (d *File) stageBefore(at int, name string) int {
	name = strings.ToLower(name)
	for at--; at >= 0; at-- {
		if d.stages[at].name != "" && d.stages[at].name == name {
			return at
		}
	}
	return -1
}

// parser parses a Dockerfile line by line.
type parser struct {
	lines  []string
	at     int // the next line, 0-based
	escape byte
}

// directive matches a comment for the parser, which must precede everything else.
var directive = lazy.New(`^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$`)

func (p *parser) directives() {
	for i, line := range p.lines {
		m := directive.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			return
		}
		if strings.EqualFold(m[1], "escape") && (m[2] == "`" || m[2] == `\`) {
			p.escape = m[2][0]
		}
		p.at = i + 1
	}
}

// instruction parses the next one; nil at the end.
func (p *parser) instruction() (*instruction, error) {
	for {
		// A line with only an escape is not an instruction.
		if in, err := p.logicalLine(); in == nil || err != nil || in.word != "" {
			return in, err
		}
	}
}

// logicalLine returns the lines of the next instruction, or of none; nil at the end.
func (p *parser) logicalLine() (*instruction, error) {
	var text strings.Builder
	var in instruction
	for p.at < len(p.lines) {
		line := strings.TrimSuffix(p.lines[p.at], "\r")
		p.at++
		if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
			continue // also between continued lines
		}
		if in.first == 0 {
			in.first = p.at
			line = strings.TrimLeft(line, " \t")
		}
		in.last = p.at
		rest, more := p.continued(line)
		text.WriteString(rest)
		if !more {
			break
		}
	}
	if in.first == 0 {
		return nil, nil
	}
	word, args := cutWord(text.String())
	in.word = strings.ToUpper(word)
	if err := p.hereDocuments(&in, args); err != nil {
		return nil, err
	}
	in.args = args
	switch in.word {
	case "FROM", "RUN", "COPY", "ADD", "HEALTHCHECK":
		in.args = withoutFlags(args)
	}
	return &in, nil
}

// continued returns a line without a trailing escape, and whether it had one: it continues on the
// next line. An escaped escape does not count.
func (p *parser) continued(line string) (string, bool) {
	s := strings.TrimRight(line, " \t")
	n := len(s)
	if n == 0 || s[n-1] != p.escape || n > 1 && s[n-2] == p.escape {
		return line, false
	}
	return s[:n-1], true
}

// hereDoc matches a word that starts a here-document: "<<EOF", "3<<-'EOF'".
var hereDoc = lazy.New(`^\d*<<(-?)(?:'([^'<]+)'|"([^"<]+)"|([^'"<\s]+))$`)

// hereDocuments reads the here-documents of an instruction.
func (p *parser) hereDocuments(in *instruction, args string) error {
	word := in.word
	if word == "ONBUILD" {
		word, args = cutWord(args)
		word = strings.ToUpper(word)
	}
	if word != "RUN" && word != "COPY" && word != "ADD" || !strings.Contains(args, "<<") {
		return nil
	}
	words := shellWords(args, p.escape)
	for i, w := range words {
		if (w == "<<" || w == "<<-") && i+1 < len(words) {
			w += words[i+1]
		}
		m := hereDoc.FindStringSubmatch(w)
		if m == nil {
			continue
		}
		name := m[2] + m[3] + m[4]
		var doc strings.Builder
		for ; ; p.at++ {
			if p.at >= len(p.lines) {
				return fmt.Errorf("%d: the here-document %s does not end", in.first, name)
			}
			line := strings.TrimSuffix(p.lines[p.at], "\r")
			if m[1] != "" {
				line = strings.TrimLeft(line, "\t")
			}
			if line == name {
				break
			}
			doc.WriteString(line + "\n")
		}
		p.at++
		in.last = p.at
		in.docs = append(in.docs, document{name, doc.String()})
	}
	return nil
}

// shellWords splits a command at blanks outside of quotes. Quotes stay; an unclosed quote yields
// no words.
func shellWords(s string, escape byte) []string {
	var words []string
	var quote byte
	from := -1
	for i := 0; i < len(s); i++ {
		c := s[i]
		if quote == 0 && (c == ' ' || c == '\t') {
			if from >= 0 {
				words = append(words, s[from:i])
				from = -1
			}
			continue
		}
		if from < 0 {
			from = i
		}
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			} else if c == escape && quote == '"' {
				i++
			}
		case c == '\'' || c == '"':
			quote = c
		case c == escape:
			i++
		}
	}
	if quote != 0 {
		return nil
	}
	if from >= 0 {
		words = append(words, s[from:])
	}
	return words
}

// cutWord splits off the first word.
func cutWord(s string) (word, rest string) {
	s = strings.TrimLeft(s, " \t")
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimSpace(s[i:])
	}
	return s, ""
}

// withoutFlags removes leading flags: "--mount=type=cache ...".
func withoutFlags(args string) string {
	for strings.HasPrefix(args, "--") {
		_, args = cutWord(args)
	}
	return args
}

// execForm returns the words of a JSON array on one line, and whether s is one.
func execForm(s string) (string, bool) {
	if !strings.HasPrefix(s, "[") {
		return s, false
	}
	var words []string
	if json.Unmarshal([]byte(s), &words) != nil {
		return s, false
	}
	return strings.Join(words, " "), true
}
