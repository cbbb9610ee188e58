package analyze

import (
	"strings"

	"github.com/peelhq/peel/internal/lazy"
)

// # Finding secrets in text
//
// The scan takes one pass over the text. At every byte, a table indexed by two bytes tells
// whether a token's prefix may start there; at "://", "-----BEGIN", "=" and ":" the surroundings
// are checked. Lookahead is bounded, and found secrets are skipped, so the time is linear in the
// text, even if it is hostile.

// A secretSpan is the range of a secret in a text.
type secretSpan struct {
	from, to int // bytes
	kind     *secretKind
	name     string // name of the value, or ""
}

// Limits on lookahead, in bytes.
const (
	maxTokenRun = 1024
	maxValueRun = 512
	maxUserInfo = 512
	maxPEMBody  = 16 << 10
)

// secretScan is a pass over a text.
type secretScan struct {
	text  string
	form  textForm
	found []secretSpan
	looks int // searches for commands so far: see maxCommandLooks
}

// scanSecrets returns the ranges of secrets in text, in order.
func scanSecrets(text string, form textForm) []secretSpan {
	s := &secretScan{text: text, form: form}
	switch form {
	case netrcForm:
		s.netrc()
	case pgpassForm:
		s.pgpass()
	}
	if len(s.found) > 0 {
		return s.found
	}
	for i := 0; i < len(text); {
		i = s.at(i)
	}
	return s.found
}

// add records a secret and returns where to continue.
func (s *secretScan) add(from, to int, kind *secretKind, name string) int {
	s.found = append(s.found, secretSpan{from, to, kind, name})
	return to
}

// at checks the text at i and returns where to continue, after i.
func (s *secretScan) at(i int) int {
	if kind, to := s.token(i); kind != nil {
		return s.add(i, to, kind, "")
	}
	text := s.text
	switch text[i] {
	case ':':
		if strings.HasPrefix(text[i:], "://") {
			return s.address(i)
		}
		return s.value(i)
	case '=':
		return s.value(i)
	case '-':
		if strings.HasPrefix(text[i:], "-----BEGIN ") || strings.HasPrefix(text[i:], "---- BEGIN ") {
			return s.pem(i)
		}
		if s.form == shellForm && i > 0 && text[i-1] == ' ' {
			return s.flag(i)
		}
	case 'P':
		if strings.HasPrefix(text[i:], "PuTTY-User-Key-File-") {
			return s.add(i, len(text), puttyKind, "")
		}
	}
	return i + 1
}

// token returns the kind and the end of the token that starts at i, or nil.
func (s *secretScan) token(i int) (*secretKind, int) {
	text := s.text
	if i+1 >= len(text) {
		return nil, 0
	}
	group := shapesAt.group[int(text[i])<<8|int(text[i+1])]
	if group == 0 || i > 0 && wordSet.has(text[i-1]) && (i < 2 || text[i-2] != '\\') {
		return nil, 0
	}
	for _, shape := range shapesAt.groups[group] {
		if !strings.HasPrefix(text[i:], shape.prefix) {
			continue
		}
		from := i + len(shape.prefix)
		to := runEnd(text, from, shape.body, maxTokenRun)
		body := text[from:to]
		if len(body) < shape.least || shape.most > 0 && len(body) > shape.most || different(body) < shape.mixed || standsIn(body) {
			continue
		}
		if shape.confirmed == nil || shape.confirmed(body) {
			return shape.kind, runEnd(text, to, shape.body, len(text))
		}
	}
	return nil, 0
}

// runEnd returns the end of a run of characters in a set, up to a maximum length.
func runEnd(text string, from int, set *charSet, most int) int {
	to := from
	for to < len(text) && to-from < most && set.has(text[to]) {
		to++
	}
	return to
}

// standsIn reports whether a token is an example from documentation.
func standsIn(body string) bool {
	lower := strings.ToLower(body)
	for _, part := range []string{"example", "xxxxxx", "000000000", "1234567890abcdef1234", "abcdefghijklmnop", "your-", "your_", "placeholder"} {
		if strings.Contains(lower, part) {
			return true
		}
	}
	return false
}

// address checks a URL whose "://" is at i.
func (s *secretScan) address(i int) int {
	from := i + len("://")
	if i < 2 || !alnum.has(s.text[i-1]) {
		return from
	}
	window := s.text[from:min(len(s.text), from+maxUserInfo)]
	if end := strings.IndexAny(window, "/?# \t\r\n\"'`<>\\,"); end >= 0 {
		window = window[:end]
	}
	at := strings.LastIndexByte(window, '@')
	if at < 0 || strings.HasPrefix(window[at+1:], "example.") || strings.Contains(window[at:], ".example.") {
		return from
	}
	user, password, hasPassword := strings.Cut(window[:at], ":")
	switch {
	case hasPassword && isPassword(password):
		kind, _ := s.token(from + len(user) + 1)
		if kind == nil {
			kind = urlKind
		}
		return s.add(from+len(user)+1, from+at, kind, "")
	case !hasPassword && looksRandom(user):
		return s.add(from, from+at, urlKind, "")
	}
	return from
}

// isPassword reports whether the password part of a URL is a real one.
func isPassword(text string) bool {
	lower := strings.ToLower(text)
	if text == "" || stopgaps[lower] || lower == "pass" || lower == "pwd" || strings.ContainsAny(text, "${}*<>()[]") || strings.HasPrefix(text, "%") && !strings.HasPrefix(lower, "%4") {
		return false
	}
	for _, part := range stopgapParts {
		if strings.Contains(lower, part) {
			return false
		}
	}
	return true
}

// pem checks a PEM block that starts at i.
func (s *secretScan) pem(i int) int {
	text := s.text
	from := i + len("-----BEGIN ")
	label, _, ok := strings.Cut(text[from:min(len(text), from+64)], "----")
	if !ok || !strings.Contains(label, "PRIVATE KEY") {
		return from
	}
	body := text[from+len(label) : min(len(text), from+len(label)+maxPEMBody)]
	to := from + len(label) + len(body)
	if end := strings.Index(body, "----END"); end >= 0 {
		body = body[:end]
		to = from + len(label) + end
	} else if end := strings.Index(body, "---- END"); end >= 0 {
		body = body[:end]
		to = from + len(label) + end
	}
	kind := privateKeyKind
	head := body[:min(len(body), 512)]
	signs := 0
	for j := range len(head) {
		if base64s.has(head[j]) {
			signs++
		}
	}
	switch {
	case signs < 60 || different(head) < 20 || strings.Contains(head, "..."):
		return from
	case strings.Contains(label, "PGP"):
		kind = pgpKind
	case strings.Contains(label, "ENCRYPTED"), strings.Contains(head, "ENCRYPTED"), strings.Contains(head, "Encryption: "):
		kind = lockedKeyKind
	}
	return s.add(i, to, kind, "")
}

// netrcPassword matches a password of a .netrc.
// Source: inetutils' manual, "The .netrc file".
var netrcPassword = lazy.New(`(?:^|\s)password\s+(\S{1,512})`)

func (s *secretScan) netrc() {
	for _, m := range netrcPassword.FindAllStringSubmatchIndex(s.text, maxSights) {
		if isPassword(s.text[m[2]:m[3]]) {
			s.add(m[2], m[3], loginKind, "")
		}
	}
}

// pgpass checks the lines of a .pgpass: host:port:database:user:password. Source: PostgreSQL's
// documentation, "The Password File".
func (s *secretScan) pgpass() {
	at := 0
	for line := range strings.Lines(s.text) {
		from := at
		at += len(line)
		trimmed := strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(trimmed, "#") {
			continue
		}
		if parts := strings.SplitN(strings.ReplaceAll(trimmed, `\:`, "__"), ":", 5); len(parts) == 5 && isPassword(parts[4]) {
			s.add(from+len(trimmed)-len(parts[4]), from+len(trimmed), loginKind, "")
		}
	}
}

// Masked returns a build step's command with "..." in place of each secret. It is otherwise raw
// and complete. Its time is linear in the text.
func Masked(text string) string {
	spans := commandSecrets(text)
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s.from])
		b.WriteString("...")
		at = s.to
	}
	b.WriteString(text[at:])
	return b.String()
}

// argumentShell matches the shell after a builder's list of build arguments.
var argumentShell = lazy.New(`/bin/|\b(?:cmd /S /C|powershell -Command) `)

// nextVariable matches the start of the next variable after a value with spaces, or the shell
// that uses the variables.
var nextVariable = lazy.New(` (?:[A-Za-z_][A-Za-z0-9_]*=|/(?:usr/)?bin/|cmd /S /C |powershell -Command )`)

// commandSecrets is scanSecrets for a build step. Values in ENV, ARG and the builder's list of
// build arguments may contain spaces without quotes.
func commandSecrets(text string) []secretSpan {
	spans := scanSecrets(text, shellForm)
	if len(spans) == 0 {
		return nil
	}
	inner := strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(text, "/bin/sh -c"), "RUN "))
	inner = strings.TrimSpace(strings.TrimPrefix(inner, "#(nop)"))
	end := 0 // end of the variables
	switch {
	case strings.HasPrefix(inner, "ENV "), strings.HasPrefix(inner, "ARG "):
		end = len(text)
	case strings.HasPrefix(inner, "|"):
		end = len(text)
		if shell := argumentShell.FindStringIndex(text); shell != nil {
			end = shell[0]
		}
	}
	kept := spans[:0]
	for _, s := range spans {
		if len(kept) > 0 && s.from < kept[len(kept)-1].to {
			continue
		}
		if s.to < end && s.kind == namedKind {
			if next := nextVariable.FindStringIndex(text[s.to:end]); next != nil {
				s.to += next[0]
			} else if s.to = end; end < len(text) {
				s.to = s.from + len(strings.TrimRight(text[s.from:end], " "))
			}
		}
		kept = append(kept, s)
	}
	return kept
}
