package dockerfile

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/lazy"
)

// # From history back to a Dockerfile
//
// A builder records an instruction as it understood it: with variables replaced, quotes removed,
// lists in Go's notation, and the checksum of a file in place of its name. What can be written so
// that a builder reads the same is restored; the rest becomes a comment. The history is the
// image's: none of it may become an instruction other than its own, which restored verifies.

// An Escape is the escape character of a Dockerfile: '\\', or '`' on Windows.
type Escape byte

// EscapeOf returns the one for an image's platform.
func EscapeOf(platform string) Escape {
	if strings.HasPrefix(platform, "windows/") {
		return '`'
	}
	return '\\'
}

// Restored is an instruction from history in the form of a Dockerfile.
type Restored struct {
	// Text is one instruction, on one line or with a here-document, without a trailing line
	// break; or "".
	Text string

	// Notes say what is unknown, each fit for a comment; without Text, they include the history's
	// text.
	Notes []string
}

// Restore restores an instruction returned by Instruction. It escapes characters that a terminal
// could act on.
func Restore(instruction string, e Escape) Restored {
	word, args := cutWord(instruction)
	word = strings.ToUpper(word)
	r := Restored{}
	if restore := restorerOf(word); restore != nil {
		if r = restore(word, args, e); r.Text != "" && !e.isOne(word, r.Text) {
			r = Restored{}
		}
	}
	if r.Text == "" && len(r.Notes) == 0 {
		r.Notes = []string{clean.Line("unknown: " + cut(instruction))}
	}
	plain := strings.NewReplacer("\r\n", "", "\n", "", "\t", "").Replace(instruction)
	if r.Text != "" && clean.Text(plain) != plain {
		r.Notes = append(r.Notes, "some characters are escaped here")
	}
	return r
}

// maxShown is the maximum length, in a comment, of an instruction that can't be restored, in
// bytes.
const maxShown = 2000

func cut(s string) string {
	if len(s) > maxShown {
		return s[:maxShown] + "..."
	}
	return s
}

// isOne reports whether text parses to exactly one instruction with that word.
func (e Escape) isOne(word, text string) bool {
	lines := strings.Split(text, "\n")
	p := &parser{lines: append(lines, "USER next"), escape: byte(e)}
	in, err := p.instruction()
	if err != nil || in == nil || in.word != word || in.first != 1 || in.last != len(lines) {
		return false
	}
	next, err := p.instruction()
	return err == nil && next != nil && next.first == len(lines)+1
}

// A restorer restores one kind of instruction.
type restorer func(word, args string, e Escape) Restored

// restorerOf returns the restorer for an instruction that may follow FROM, or nil.
func restorerOf(word string) restorer {
	switch word {
	case "RUN":
		return restoreRun
	case "COPY", "ADD":
		return restoreCopy
	case "ENV", "LABEL":
		return restorePairs
	case "CMD", "ENTRYPOINT":
		return restoreCommand
	case "SHELL", "VOLUME":
		return restoreList
	case "EXPOSE":
		return restorePorts
	case "HEALTHCHECK":
		return restoreHealthcheck
	case "ONBUILD":
		return restoreTrigger
	case "ARG", "WORKDIR", "USER", "STOPSIGNAL", "MAINTAINER":
		return restoreLine
	}
	return nil
}

// restoreLine restores an instruction that is recorded as one line.
func restoreLine(word, args string, _ Escape) Restored {
	if args == "" || strings.ContainsAny(args, "\n\r") {
		return Restored{}
	}
	return Restored{Text: word + " " + clean.Text(args)}
}

// restoreRun restores a command with several lines, or one that the parser would misread, as a
// here-document, which the shell gets unchanged.
func restoreRun(word, args string, e Escape) Restored {
	if args == "" {
		return Restored{}
	}
	if strings.Contains(args, "\n") || strings.Contains(args, "<<") || endsInEscape(args, e) {
		return Restored{Text: word + " " + hereDocument(args)}
	}
	return Restored{Text: word + " " + withTabs(args)}
}

// withTabs is clean.Text that keeps tabs.
func withTabs(s string) string {
	parts := strings.Split(s, "\t")
	for i := range parts {
		parts[i] = clean.Text(parts[i])
	}
	return strings.Join(parts, "\t")
}

// endsInEscape reports whether a line continues after s.
func endsInEscape(s string, e Escape) bool {
	return strings.HasSuffix(strings.TrimRight(s, " \t"), string(e))
}

// hereDocument returns a script as a here-document with a delimiter that is not one of its lines.
func hereDocument(script string) string {
	lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(script, "\r\n", "\n"), "\n"), "\n")
	for i := range lines {
		lines[i] = clean.Start(withTabs(lines[i]))
	}
	end := "EOF"
	for n := 2; slices.Contains(lines, end); n++ {
		end = "EOF" + strconv.Itoa(n)
	}
	return "<<" + end + "\n" + strings.Join(lines, "\n") + "\n" + end
}

// The classic builder's record of COPY and ADD: a checksum in place of the files.
var copiedAs = lazy.New(`^((?:--\S+ )*)((?:file|dir|multi):[0-9a-f]+) in (.*?) *$`)

// UnknownFiles is the source of COPY and ADD if history has only checksums.
const UnknownFiles = "unknown"

func restoreCopy(word, args string, e Escape) Restored {
	if strings.ContainsAny(args, "\n\r") || args == "" {
		return Restored{}
	}
	if strings.Contains(args, "<<") {
		return Restored{Notes: []string{"unknown: the text of " + clean.Line(cut(word+" "+args))}}
	}
	if m := copiedAs.FindStringSubmatch(args); len(m) > 3 && m[3] != "" {
		return Restored{
			Text:  word + " " + clean.Text(m[1]) + UnknownFiles + " " + clean.Text(m[3]),
			Notes: []string{"unknown: the names of the files that were copied; their sum was " + clean.Line(m[2])},
		}
	}
	if endsInEscape(args, e) {
		return Restored{}
	}
	r := Restored{Text: word + " " + clean.Text(args)}
	if !strings.Contains(args, "--from=") {
		r.Notes = []string{"from the build context, or from another stage or image: that is not recorded"}
	}
	return r
}

// pairBegin matches the start of a pair in ENV or LABEL.
var pairBegin = lazy.New(`(?:^| )[A-Za-z_][\w./-]*=`)

// restorePairs restores the pairs of ENV and LABEL, whose quotes are not recorded: a value
// extends to what looks like the next name.
func restorePairs(word, args string, e Escape) Restored {
	if strings.ContainsAny(args, "\n\r") {
		return Restored{}
	}
	starts := pairBegin.FindAllStringSubmatchIndex(args, -1)
	if len(starts) == 0 || starts[0][0] != 0 {
		name, value, ok := strings.Cut(args, " ") // the old form "ENV NAME value"
		if !ok || name == "" || strings.Contains(name, "=") {
			return Restored{}
		}
		return Restored{Text: word + " " + pair(name, value, e)}
	}
	var b strings.Builder
	b.WriteString(word)
	for i, at := range starts {
		end := len(args)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		name, value, _ := strings.Cut(strings.TrimPrefix(args[at[0]:end], " "), "=")
		b.WriteString(" " + pair(name, value, e))
	}
	return Restored{Text: b.String()}
}

// pair is a name and its value in ENV and LABEL.
func pair(name, value string, e Escape) string {
	if n := len(value); n > 1 && value[0] == '"' && value[n-1] == '"' && !strings.ContainsAny(value[1:n-1], "\"\\`$") {
		value = value[1 : n-1] // recorded with its quotes
	}
	return clean.Text(name) + "=" + e.quoted(clean.Text(value))
}

// pairName matches a name that needs no quotes in ENV and LABEL.
var pairName = lazy.New(`^[A-Za-z_][\w./-]*$`)

// Pair returns an ENV or LABEL instruction, according to word, with one name and value; "" if
// that is not possible.
func (e Escape) Pair(word, name, value string) string {
	if !pairName.MatchString(name) || strings.ContainsAny(value, "\n\r") {
		return ""
	}
	if text := word + " " + name + "=" + e.quoted(clean.Text(value)); e.isOne(word, text) {
		return text
	}
	return ""
}

// quoted quotes a value without line breaks.
func (e Escape) quoted(value string) string {
	plain := func(r rune) bool {
		return r > 0x7f || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("_./:@%+,=-", r)
	}
	if value != "" && strings.IndexFunc(value, func(r rune) bool { return !plain(r) }) < 0 {
		return value
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range value {
		if r == '"' || r == '$' || r == rune(e) {
			b.WriteByte(byte(e))
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	return b.String()
}

// ExecForm returns a list of words as JSON, as in Dockerfiles.
func ExecForm(words []string) string {
	parts := make([]string, len(words))
	for i, w := range words {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(clean.Text(w)) // text always encodes
		parts[i] = strings.TrimSpace(b.String())
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// restoreCommand restores CMD and ENTRYPOINT: from JSON, or from quoted words in Go's notation:
// ["a" "b"].
func restoreCommand(word, args string, e Escape) Restored {
	if words, rest, ok := quotedList(args); ok && strings.TrimSpace(rest) == "" {
		return Restored{Text: word + " " + ExecForm(words)}
	}
	if endsInEscape(args, e) {
		return Restored{}
	}
	return restoreLine(word, args, e)
}

// quotedList parses a list of quoted words, with or without commas, and returns the rest.
func quotedList(s string) (words []string, rest string, ok bool) {
	s, ok = strings.CutPrefix(s, "[")
	if !ok {
		return nil, "", false
	}
	for {
		s = strings.TrimLeft(s, " ,")
		if rest, ok := strings.CutPrefix(s, "]"); ok {
			return words, rest, true
		}
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil || quoted[0] != '"' {
			return nil, "", false
		}
		w, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, "", false
		}
		words, s = append(words, w), s[len(quoted):]
	}
}

// restoreList restores SHELL and VOLUME: from words in Go's notation, [a b c], or from JSON.
func restoreList(word, args string, _ Escape) Restored {
	if strings.ContainsAny(args, "\n\r") {
		return Restored{}
	}
	words, rest, ok := quotedList(args)
	if !ok {
		words, rest = strings.Fields(strings.TrimSuffix(strings.TrimPrefix(args, "["), "]")), ""
	}
	if len(words) == 0 || strings.TrimSpace(rest) != "" {
		return Restored{}
	}
	return Restored{Text: word + " " + ExecForm(words)}
}

// port matches one port of a list, recorded as a Go map: map[80/tcp:{}].
var port = lazy.New(`\b\d{1,5}(?:-\d{1,5})?(?:/(?:tcp|udp|sctp))?\b`)

func restorePorts(word, args string, _ Escape) Restored {
	var ports []string
	for _, at := range port.FindAllStringSubmatchIndex(args, -1) {
		ports = append(ports, args[at[0]:at[1]])
	}
	if len(ports) == 0 {
		return Restored{}
	}
	return Restored{Text: word + " " + strings.Join(ports, " ")}
}

// recordedHealth matches a health check, recorded as a Go struct that starts with the test.
var recordedHealth = lazy.New(`^ "([^"\s]*)" "([^"\s]*)"(?: "([^"\s]*)")?`)

func restoreHealthcheck(word, args string, e Escape) Restored {
	inner, ok := strings.CutPrefix(args, "&{")
	if !ok {
		if endsInEscape(args, e) {
			return Restored{}
		}
		return restoreLine(word, args, e)
	}
	test, rest, ok := quotedList(inner)
	if !ok || len(test) == 0 {
		return Restored{}
	}
	var flags strings.Builder
	if m := recordedHealth.FindStringSubmatch(rest); m != nil {
		for i, name := range []string{"interval", "timeout", "start-period"} {
			if d := m[i+1]; d != "" && d != "0s" {
				flags.WriteString("--" + name + "=" + clean.Text(d) + " ")
			}
		}
	}
	text := HealthTest(test)
	if text == "" || endsInEscape(text, e) {
		return Restored{}
	}
	return Restored{Text: word + " " + flags.String() + text, Notes: []string{"unknown: how often it is tried again"}}
}

// HealthTest returns the test of a health check for HEALTHCHECK, or "".
func HealthTest(test []string) string {
	switch {
	case len(test) == 0:
	case test[0] == "NONE":
		return "NONE"
	case test[0] == "CMD-SHELL" && len(test) == 2 && !strings.ContainsAny(test[1], "\n\r"):
		return "CMD " + clean.Text(test[1])
	case test[0] == "CMD" && len(test) > 1:
		return "CMD " + ExecForm(test[1:])
	}
	return ""
}

// restoreTrigger restores ONBUILD.
func restoreTrigger(word, args string, e Escape) Restored {
	inner, rest := cutWord(args)
	inner = strings.ToUpper(inner)
	if inner == "ONBUILD" || restorerOf(inner) == nil || strings.Contains(rest, "<<") || endsInEscape(rest, e) {
		return Restored{}
	}
	if !e.isOne(inner, inner+" "+rest) {
		return Restored{}
	}
	return restoreLine(word, inner+" "+rest, e)
}

// Arguments returns the build arguments that the classic builder recorded before a command: "A=1
// B=two words"; or "".
func Arguments(command string) string {
	s := strings.TrimPrefix(strings.TrimSpace(command), "RUN ")
	m := buildArgs.FindStringSubmatchIndex(s)
	if m == nil {
		return ""
	}
	_, args := cutWord(s[:m[2]])
	return strings.TrimSpace(args)
}
