package analyze

import "strings"

// value checks the value after the separator at i, "=" or ":", given the name before it.
func (s *secretScan) value(i int) int {
	if s.form != settingForm && s.form != dotenvForm && s.form != shellForm {
		return i + 1
	}
	name := s.nameBefore(i)
	if name == "" {
		return i + 1
	}
	if s.form == shellForm && s.text[i] == ':' {
		if from, to, ok := s.account(i, name); ok {
			return s.add(from, to, loginKind, "")
		}
	}
	claim := claimOf(name)
	isAuth := s.form == settingForm && (name == "auth" || name == "_auth") // in Docker's and npm's configuration
	if s.form == dotenvForm && claim == claimsKey {
		claim = claimsSecret
	}
	if claim == claimsNothing && !isAuth {
		return i + 1
	}
	from, to := s.valueAfter(i+1, claim)
	value := s.text[from:min(to, from+maxValueRun)]
	if kind, end := s.token(from); kind != nil && from < len(s.text) {
		return s.add(from, end, kind, name)
	}
	switch {
	case strings.HasPrefix(value, "-----BEGIN "): // checked where it starts
	case claim == claimsHeader:
		if len(value) >= 8 && !strings.ContainsAny(value, "${}<>*") && !standsIn(value) && isLiteral(value, claimsSecret) {
			return s.add(from, to, headerKind, name)
		}
	case isAuth:
		if len(value) >= 8 && runEnd(value, 0, base64s, len(value)) == len(value) && isLiteral(value, claimsSecret) {
			return s.add(from, to, loginKind, name)
		}
	case s.form == shellForm && (strings.ContainsAny(value, "*[](){}\\^|$") || s.text[i] == ':' && !looksRandom(value) && !s.inHeader(i, name)):
	case isLiteral(value, claim):
		return s.add(from, to, namedKind, name)
	}
	return i + 1
}

// nameBefore returns the name that ends at the separator at i, or "".
func (s *secretScan) nameBefore(i int) string {
	text, to := s.text, i
	if s.form != shellForm {
		for n := 0; n < 4 && to > 0 && text[to-1] == ' '; n++ {
			to--
		}
	}
	if to > 0 && (text[to-1] == '"' || text[to-1] == '\'') && (s.form != shellForm || text[i] == ':') {
		to--
		if to > 0 && text[to-1] == '\\' {
			to--
		}
	}
	from := to
	for from > 0 && to-from <= maxSecretName && dotted.has(text[from-1]) {
		from--
	}
	return strings.TrimLeft(text[from:to], "-.")
}

// schemes are the authentication schemes of HTTP headers, in lower case.
var schemes = []string{"bearer ", "basic ", "token ", "digest ", "apikey ", "api-key "}

// valueAfter returns the range of the value that starts at i, after spaces and quotes.
func (s *secretScan) valueAfter(i int, claim nameClaim) (from, to int) {
	text := s.text
	if s.form != shellForm || claim == claimsHeader || i > 0 && text[i-1] == ':' {
		for n := 0; n < 16 && i < len(text) && (text[i] == ' ' || text[i] == '\t'); n++ {
			i++
		}
	}
	q := quoting{form: s.form}
	if i < len(text) && text[i] == '\\' {
		q.escaped = true
		i++
	}
	if i < len(text) && (text[i] == '"' || text[i] == '\'') {
		q.quote = text[i]
		i++
	}
	if claim == claimsHeader {
		for _, scheme := range schemes {
			if len(text)-i > len(scheme) && strings.EqualFold(text[i:i+len(scheme)], scheme) {
				i += len(scheme)
				q.quote = 0
				break
			}
		}
	}
	for to = i; to < len(text) && !q.ends(text[to]); to++ {
		if to-i == maxValueRun && !mayBeValue(text[i:to], claim) {
			break // it is not a secret, so its end does not matter
		}
		if text[to] == '\\' && q.quote != 0 && to+1 < len(text) {
			to++
		}
	}
	return i, to
}

// mayBeValue reports whether the start of a long value may be part of a secret.
func mayBeValue(begins string, claim nameClaim) bool {
	return claim == claimsHeader || isLiteral(begins, claim)
}

// quoting is the quoting style of a value.
type quoting struct {
	form    textForm
	quote   byte // 0 if unquoted
	escaped bool // a backslash precedes the quote
}

// ends reports whether c ends a value.
func (q *quoting) ends(c byte) bool {
	switch {
	case c == '\n', c == '\r':
		return true
	case q.quote != 0:
		return c == q.quote || q.escaped && c == '\\'
	case q.form == shellForm:
		return strings.IndexByte(" \t\"'`;&|)\\,", c) >= 0
	case q.form == dotenvForm:
		return c == ' ' || c == '\t'
	}
	return strings.IndexByte(" \t\"',}", c) >= 0
}

// flag checks a command flag that starts at i: "--password abc", and curl's "-u user:password".
func (s *secretScan) flag(i int) int {
	text := s.text
	if from, to, ok := s.passwordFlag(i); ok {
		return s.add(from, to, loginKind, "")
	}
	end := runEnd(text, i, dashed, maxSecretName)
	if end >= len(text)-1 || text[end] != ' ' {
		return i + 1
	}
	word := text[i:end]
	from := end + 1
	if strings.IndexByte(`"'`, text[from]) >= 0 {
		from++
	}
	to := from
	for to < len(text) && to-from < maxValueRun && strings.IndexByte(" \t\n\"'`;&|)", text[to]) < 0 {
		to++
	}
	value := text[from:to]
	switch {
	case word == "-u", word == "--user":
		user, password, ok := strings.Cut(value, ":")
		if ok && user != "" && strings.Contains(text[max(0, i-300):i], "curl") && isPassword(password) && isLiteral(password, claimsSecret) {
			return s.add(from+len(user)+1, to, loginKind, "")
		}
	case strings.HasPrefix(word, "--") && claimOf(word) == claimsSecret && !strings.HasPrefix(value, "-"):
		if kind, end := s.token(from); kind != nil && from < len(text) {
			return s.add(from, end, kind, strings.TrimLeft(word, "-"))
		}
		if !strings.ContainsAny(value, "*[](){}\\^|$=") && isLiteral(value, claimsSecret) {
			return s.add(from, to, namedKind, strings.TrimLeft(word, "-"))
		}
	}
	return i + 1
}
