package dockerfile

import (
	"hash/fnv"
	"path"
	"slices"
	"strings"

	"github.com/peelhq/peel/internal/lazy"
)

// maxTokens is the maximum number of words of a step that are compared.
const maxTokens = 400

// A stepText is an instruction's text in a comparable form.
type stepText struct {
	word   string
	forms  []string // possible texts, without quotes and with normalized white space
	tokens []uint64 // sorted hashes of its words
	dest   string   // for COPY and ADD
	summed bool     // only checksums of the sources are known
	exec   bool     // a RUN in the exec form; in the history, it may be one
	pieces []string // of its text, between variables; nil without variables
}

// text converts an instruction to its comparable form.
func (in *instruction) text() stepText {
	args := in.args
	exec, isExec := execForm(args)
	t := stepText{word: in.word}
	switch in.word {
	case "RUN":
		if isExec {
			args = exec
		}
		var b strings.Builder // here-documents unchanged
		b.WriteString(args)
		for _, doc := range in.docs {
			b.WriteString("\n" + doc.text + doc.name)
		}
		whole := b.String()
		t.forms = append(t.forms, squeeze(whole), squeeze(in.shell+" "+whole))
		if t.exec = isExec; isExec {
			t.forms = append(t.forms, squeeze(whole[len(shellPrefix.FindString(whole)):])) // as Instruction does
		}
		if len(in.docs) == 1 {
			t.forms = append(t.forms, squeeze(in.docs[0].text)) // without its delimiters
		}
		t.tokens = tokens(whole)
		return t
	case "COPY", "ADD":
		if isExec {
			args = exec
		}
		words := strings.Fields(args)
		if len(words) > 0 {
			t.dest = words[len(words)-1]
		}
	case "EXPOSE":
		args = ports(args)
	case "CMD", "ENTRYPOINT":
		if !isExec && args != "" {
			args = "/bin/sh -c " + args
		}
	}
	t.forms = []string{plain(args)}
	t.tokens = tokens(plain(args))
	if strings.Contains(args, "$") {
		t.pieces = strings.Split(plain(variable.ReplaceAllString(args, "\x00")), "\x00") // plain would split braces
	}
	return t
}

// recorded converts a history entry to its comparable form.
func recorded(command string) stepText {
	word, args := cutWord(Instruction(command))
	t := stepText{word: strings.ToUpper(word)}
	if word != "" && restorerOf(t.word) == nil { // the classic builder's record of the exec form
		t.word, args, t.exec = "RUN", command, true
	}
	switch t.word {
	case "RUN":
		t.forms = []string{squeeze(args)}
		t.tokens = tokens(args)
		return t
	case "COPY", "ADD":
		args = withoutFlags(args)
		words := strings.Fields(args)
		if len(words) > 0 {
			t.dest = words[len(words)-1]
		}
		t.summed = copiedSum.MatchString(args)
	case "EXPOSE":
		args = ports(args)
	}
	t.forms = []string{plain(args)}
	t.tokens = tokens(plain(args))
	return t
}

const (
	almost  = 0.95 // equal except for what the builder adds or replaces
	nearly  = 0.9
	anyDest = 0.6
)

// likeness returns the likeness of an instruction and a history entry: 1 for equal texts, 0 if
// they can't match.
func likeness(in, h *stepText) float64 {
	if in.word != h.word || h.word == "" || h.exec && !in.exec {
		return 0
	}
	if h.summed {
		return likeDest(in.dest, h.dest)
	}
	for _, form := range in.forms {
		switch {
		case form == h.forms[0]:
			return 1
		case in.word == "RUN" && form != "" && endsIn(h.forms[0], form):
			return almost
		case in.pieces != nil && fills(in.pieces, h.forms[0]):
			return almost
		}
	}
	return min(common64(in.tokens, h.tokens), nearly)
}

// endsIn reports whether text ends with form after a blank.
func endsIn(text, form string) bool {
	before, ok := strings.CutSuffix(text, form)
	return ok && strings.HasSuffix(before, " ")
}

// likeDest compares the targets of copies: relative ones are below an unknown directory.
func likeDest(asked, recorded string) float64 {
	a, r := path.Clean(asked), path.Clean(recorded)
	switch {
	case a == r:
		return 1
	case strings.Contains(a, "$") && fills(variable.Split(a, -1), r):
		return nearly
	case strings.Contains(a, "$"):
		return anyDest
	case a == "." || !path.IsAbs(a) && strings.HasSuffix(r, "/"+strings.TrimPrefix(a, "./")):
		return nearly
	}
	return 0
}

// variable matches what a builder replaces.
var variable = lazy.New(`\$(?:\w+|\{[^}]*\})`)

// fills reports whether text matches a form with its variables replaced.
func fills(parts []string, text string) bool {
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	for k, part := range parts[1:] {
		if k == len(parts)-2 {
			return strings.HasSuffix(rest, part)
		}
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return rest == ""
}

// ports returns the ports of an EXPOSE, sorted, because builders record them in several notations:
// "53/udp 80/tcp" for "80 53/udp", "map[53/udp:{} 80/tcp:{}]" or "[80/tcp 53/udp]". A text with
// variables stays as it is.
func ports(args string) string {
	if strings.Contains(args, "$") {
		return args
	}
	var all []string
	for _, at := range port.FindAllStringSubmatchIndex(args, -1) {
		p := args[at[0]:at[1]]
		if !strings.Contains(p, "/") {
			p += "/tcp"
		}
		all = append(all, p)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// squeeze replaces each run of white space with one blank.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// plain is squeeze without what builders write differently: quotes, brackets, the separator
// between a name and its value.
func plain(s string) string {
	return squeeze(strings.Map(func(r rune) rune {
		switch r {
		case '"', '\'', '[', ']', '{', '}', '(', ')', ',', '=', ';', '&':
			return ' '
		}
		return r
	}, s))
}

// tokens returns the sorted hashes of a text's words, up to a limit.
func tokens(s string) []uint64 {
	var sums []uint64
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(" \t\r\n;&|\"'", r) }) {
		if len(sums) == maxTokens {
			break
		}
		h := fnv.New64a()
		h.Write([]byte(word))
		sums = append(sums, h.Sum64())
	}
	slices.Sort(sums)
	return sums
}

// common64 returns the share of common elements of two sorted lists: 1 for equal lists, including
// empty ones.
func common64(a, b []uint64) float64 {
	if len(a)+len(b) == 0 {
		return 1
	}
	common, all := 0, len(a)+len(b)
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			common++
			a, b = a[1:], b[1:]
		case a[0] < b[0]:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return 2 * float64(common) / float64(all)
}
