package dockerfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/peelhq/peel/internal/lazy"
)

// MaxSize is how large a Dockerfile may be, in bytes: far more than any real one.
const MaxSize = 4 << 20

// maxInstructions bounds them, far beyond any real Dockerfile's.
const maxInstructions = 10_000

// A File is a Dockerfile: stages of instructions. It is read to find lines:
// variables are replaced in FROM alone, and only what tells instructions apart is
// checked.
// Source: the Dockerfile reference at docs.docker.com.
type File struct {
	name   string // as it was named, with slashes
	text   []byte
	stages []stage
	args   []string // what follows each ARG before the first FROM
	escape byte
}

// A stage is a FROM and the instructions up to the next.
type stage struct {
	from  string // an image, or the name of an earlier stage
	name  string // after AS, in lower case; "" if it has none
	steps []instruction
	first int // line of the FROM, from 1
}

// An instruction is one step of a build.
type instruction struct {
	word        string // "RUN"
	args        string // what follows, flags left out, continued lines joined
	docs        []document
	shell       string // that runs it, as SHELL set it; "" for the usual one
	first, last int    // lines, from 1
}

// A document is one of an instruction's here-documents.
type document struct{ name, text string }

// Parse reads a Dockerfile of at most MaxSize bytes. Lines and errors give its
// name as it is passed here; an error names the line too. The File keeps text.
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

// add appends an instruction to the stage that it is in.
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
		d.stages = append(d.stages, s)
		return nil
	}
	if len(d.stages) == 0 {
		if in.word == "ARG" { // for the FROMs, no step of an image
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

// final returns the instructions that make the last stage, in order: those of
// the stage it is built on come first, with what that wants done by ONBUILD.
func (d *File) final() []instruction {
	var chain []*stage
	for at := len(d.stages) - 1; at >= 0; at = d.stageBefore(at, d.stages[at].from) {
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

// BaseLine returns the line, from 1, of the FROM that brings the base image of the last
// stage: see Base.
func (d *File) BaseLine() int {
	at := len(d.stages) - 1
	for before := at; before >= 0; before = d.stageBefore(at, d.stages[at].from) {
		at = before
	}
	return d.stages[at].first
}

// stageBefore returns the stage of that name before stage at, -1 if there is none.
func (d *File) stageBefore(at int, name string) int {
	name = strings.ToLower(name)
	for at--; at >= 0; at-- {
		if d.stages[at].name != "" && d.stages[at].name == name {
			return at
		}
	}
	return -1
}

// parser reads a Dockerfile line by line.
type parser struct {
	lines  []string
	at     int // the next line, 0-based
	escape byte
}

// directive is a comment that tells the parser something: only in front of
// everything else.
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

// instruction reads the next one; nil at the end.
func (p *parser) instruction() (*instruction, error) {
	for {
		// What is nothing but an escape is no instruction.
		if in, err := p.logicalLine(); in == nil || err != nil || in.word != "" {
			return in, err
		}
	}
}

// logicalLine reads what one instruction, or none, stands on; nil at the end.
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

// continued returns a line without the escape at its end, and whether it has
// one: the next line belongs to it. An escape that is escaped is none.
func (p *parser) continued(line string) (string, bool) {
	s := strings.TrimRight(line, " \t")
	n := len(s)
	if n == 0 || s[n-1] != p.escape || n > 1 && s[n-2] == p.escape {
		return line, false
	}
	return s[:n-1], true
}

// hereDoc is a word that opens a here-document: "<<EOF", "3<<-'EOF'".
var hereDoc = lazy.New(`^\d*<<(-?)(?:'([^'<]+)'|"([^"<]+)"|([^'"<\s]+))$`)

// hereDocuments reads those that an instruction opens.
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

// shellWords takes a command apart at blanks outside of quotes. The quotes stay;
// where one does not end there are no words.
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

// cutWord takes the first word off.
func cutWord(s string) (word, rest string) {
	s = strings.TrimLeft(s, " \t")
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimSpace(s[i:])
	}
	return s, ""
}

// withoutFlags takes off the flags in front: "--mount=type=cache ...".
func withoutFlags(args string) string {
	for strings.HasPrefix(args, "--") {
		_, args = cutWord(args)
	}
	return args
}

// execForm returns the words of a JSON array as one line, and whether s is one.
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
