// Package redact removes secrets from text that is shown: messages, logs, reports of defects.
// peel never asks for a password, but text that it repeats may contain one: an address in the
// environment, a reference on the command line, a line of a settings file, an answer from a
// server or a program.
package redact

import (
	"net/url"
	"strings"

	"github.com/peelhq/peel/internal/lazy"
)

// hidden replaces secrets.
const hidden = "..."

var (
	// address matches what looks like a URL, up to the next space.
	address = lazy.New(`[A-Za-z][A-Za-z0-9+.-]*://\S+`)

	// spaced matches the user and password of a URL whose password contains spaces.
	spaced = lazy.New(`(://?)[^\s/:@\[]*:[^\s\d/][^@\n]{0,200}@`)

	// login matches USER:PASSWORD@HOST without a scheme.
	login = lazy.New(`(^|[\s"'(=,:/])([A-Za-z0-9._+-]+):(\S+)@([^\s@]*)`)

	// port matches net/url's error that quotes part of a password with a slash in it.
	port = lazy.New(`(invalid port )"(?:[^"\\]|\\.)*"`)

	// query matches the text after the path of a URL without scheme and host.
	query = lazy.New(`(/[^\s?"']*\?)[\w.~%-]+=[^\s"'<>]*`)

	// header matches the text after the scheme of an Authorization header.
	header = lazy.New(`(?i)\b((?:bearer|basic)\s+)([A-Za-z0-9._~+/=-]{8,})`)

	// jwt matches three long words joined by dots.
	jwt = lazy.New(`[A-Za-z0-9_~+/=-]{20,}\.[A-Za-z0-9_~+/=-]{10,}\.[A-Za-z0-9_~+/=-]{10,}`)

	// setting matches KEY=VALUE if the key names a secret, and field the same in JSON.
	setting = lazy.New(`(?i)([\w.-]*(?:passwo?r?d|secret|token|signature|credential|api[_-]?key|access[_-]?key)[\w.-]*\s*=\s*|[?&](?:sig|key|auth|code)=)(?:"[^"]*"?|'[^']*'?|[^\s&"',;]+)`)
	field   = lazy.New(`(?i)("(?:[\w.-]*(?:passwo?r?d|secret|token|signature|credential|api[_-]?key|access[_-]?key)[\w.-]*|auth)"\s*:\s*")(?:[^"\\]|\\.)*`)

	// checksum matches the text after the "@" of a reference by digest.
	checksum = lazy.New(`^[a-z0-9+._-]+:[0-9a-fA-F]{8,}`)

	// portNumber matches the text after the ":" that follows a host.
	portNumber = lazy.New(`^\d{1,5}(/|$)`)
)

// Text returns s without text that may be secret: users and passwords in addresses, with or
// without a scheme (it keeps a user without a password for ssh), queries of URLs, which may
// hold a signature, the credentials in an Authorization header, tokens, and values of settings
// whose names say that they are secret. It replaces each with "...". It takes time in
// proportion to the length of s.
func Text(s string) string {
	if !strings.ContainsAny(s, `@?="`) && !header.MatchString(s) && !strings.Contains(s, ".") {
		return s
	}
	s = spaced.ReplaceAllString(s, "${1}"+hidden+"@")
	s = address.ReplaceAllStringFunc(s, inAddress)
	s = query.ReplaceAllString(s, "${1}"+hidden)
	s = login.ReplaceAllStringFunc(s, inLogin)
	s = port.ReplaceAllString(s, `${1}"`+hidden+`"`)
	s = header.ReplaceAllStringFunc(s, inHeader)
	s = jwt.ReplaceAllString(s, hidden)
	s = setting.ReplaceAllString(s, "${1}"+hidden)
	return field.ReplaceAllString(s, "${1}"+hidden)
}

// inAddress redacts text that looks like a URL.
func inAddress(text string) string {
	scheme, rest, _ := strings.Cut(text, "://")
	if at := userinfoEnd(rest); at >= 0 && (scheme != "ssh" || strings.Contains(rest[:at], ":")) {
		rest = hidden + rest[at:]
	}
	if at := strings.IndexByte(rest, '?'); at >= 0 && at+1 < len(rest) {
		tail := rest[len(strings.TrimRight(rest, `"':;,)>]}`)):]
		rest = rest[:at+1] + hidden + tail
	}
	return scheme + "://" + rest
}

// userinfoEnd returns the index of the "@" after user and password in the text after "://", or
// -1 if there are none. A password may contain "@" and "/", although that is invalid.
func userinfoEnd(rest string) int {
	host := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		host = rest[:end]
	}
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		return at
	}
	_, after, colon := strings.Cut(rest, ":")
	if !colon || strings.HasPrefix(rest, "[") || !strings.Contains(host, ":") || portNumber.MatchString(after) {
		return -1
	}
	at := strings.LastIndexByte(rest, '@')
	if at >= 0 && checksum.MatchString(rest[at+1:]) {
		return -1
	}
	return at
}

// inLogin redacts USER:PASSWORD@HOST.
func inLogin(text string) string {
	parts := login.FindStringSubmatch(text)
	if strings.HasPrefix(parts[3], "//") || portNumber.MatchString(parts[3]) && strings.Contains(parts[3], "/") || checksum.MatchString(parts[4]) {
		return text
	}
	return parts[1] + parts[2] + ":" + hidden + "@" + parts[4]
}

// inHeader redacts credentials, but leaves phrases such as "basic authentication".
func inHeader(text string) string {
	parts := header.FindStringSubmatch(text)
	switch strings.ToLower(strings.TrimRight(parts[2], ".")) {
	case "authentication", "authorization", "credentials", "challenge":
		return text
	}
	return parts[1] + hidden
}

// URL returns a URL without its user, password, query and fragment; "" for nil.
func URL(u *url.URL) string {
	if u == nil {
		return ""
	}
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return bare.String()
}

// Address returns an address that can't be parsed, without what may be a user and password and
// without a query.
func Address(raw string) string {
	if at := strings.LastIndexByte(raw, '@'); at >= 0 {
		raw = hidden + raw[at:]
	}
	if at := strings.IndexByte(raw, '?'); at >= 0 {
		raw = raw[:at+1] + hidden
	}
	return raw
}
