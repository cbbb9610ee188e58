package analyze

import (
	"strings"

	"github.com/peelhq/peel/internal/lazy"
)

// # Secrets that only their command reveals
//
// "-p" is a password for some commands, but not for most: mkdir, cp, ssh.

// maxCommandBefore is how far before a flag its command is searched for, in bytes.
const maxCommandBefore = 300

// maxCommandLooks is the maximum number of searches for commands in one text. No build step has
// that many passwords, but hostile text may.
const maxCommandLooks = 4096

// Patterns for the text from the start of a command to its flag -p, if that is a password.
var (
	// Source: the synopsis of sshpass(1). Everything after the command that it runs belongs to
	// that command.
	sshpassBefore = lazy.New(`(?:^|[\s/"'])sshpass(?: +-[vP]\S*)* +$`)
	// Source: the references of docker login, podman-login(1), helm registry login and
	// oras login.
	loginBefore = lazy.New(`(?:^|[\s/"'])(?:docker|podman|buildah|nerdctl|skopeo|oras|crane auth|helm registry) login [^"']*$`)
	// Source: MySQL's reference manual, "Command Options for Connecting to the Server":
	// the password follows -p without a space.
	mysqlBefore = lazy.New(`(?:^|[\s/"'])(?:mysql|mysqldump|mysqladmin|mysqlimport|mariadb|mariadb-dump|mariadb-admin) [^"']*$`)

	// chpasswd reads lines USER:PASSWORD. Source: chpasswd(8).
	chpasswdBefore = lazy.New(`\b(?:echo|printf)(?: +-[neE]+)* +["']?$`)
	chpasswdBehind = lazy.New(`^(?:\\n)*["']? *\| *(?:sudo +)?(?:/usr/sbin/|/sbin/)?chpasswd\b`)

	// The header flag of curl and wget.
	headerBefore = lazy.New(`(?:^|\s)(?:-H|--header)[ =]?["']?$`)
)

// isBehind reports whether i follows a command that matches a pattern; the command must contain
// one of the words.
func (s *secretScan) isBehind(i int, pattern *lazy.Regexp, words ...string) bool {
	before := s.commandBefore(i)
	for _, word := range words {
		if strings.Contains(before, word) && s.looks < maxCommandLooks {
			s.looks++
			return pattern.MatchString(before)
		}
	}
	return false
}

// commandBefore returns the text of the command before i, at most maxCommandBefore bytes.
func (s *secretScan) commandBefore(i int) string {
	before := s.text[max(0, i-maxCommandBefore):i]
	return before[strings.LastIndexAny(before, ";&|()`\n")+1:]
}

// passwordFlag checks a flag -p that starts at i: "sshpass -p abc", "docker login -p abc", "mysql
// -pabc". It returns the range of the password.
func (s *secretScan) passwordFlag(i int) (from, to int, ok bool) {
	text := s.text
	from = i + len("-p")
	if !strings.HasPrefix(text[i:], "-p") || from >= len(text) {
		return 0, 0, false
	}
	known := s.isBehind(i, sshpassBefore, "sshpass")
	if text[from] == ' ' {
		for from < len(text) && text[from] == ' ' && from-i < 16 {
			from++
		}
		known = known || s.isBehind(i, loginBefore, " login ")
	} else {
		known = known || s.isBehind(i, mysqlBefore, "mysql", "mariadb")
	}
	if !known {
		return 0, 0, false
	}
	from, to = s.wordAt(from)
	return from, to, to > from && text[from] != '-' && isPassword(text[from:to])
}

// wordAt returns the range of the shell word that starts at i, without its quotes.
func (s *secretScan) wordAt(i int) (from, to int) {
	text, ends := s.text, " \t\n\"'`;&|)"
	if i < len(text) && (text[i] == '"' || text[i] == '\'') {
		ends = text[i:i+1] + "\n"
		i++
	}
	to = i
	for to < len(text) && to-i < maxValueRun && strings.IndexByte(ends, text[to]) < 0 {
		to++
	}
	return i, to
}

// account checks USER:PASSWORD passed to chpasswd; the colon is at i. It returns the range of the
// password.
func (s *secretScan) account(i int, user string) (from, to int, ok bool) {
	if begin := i - len(user); begin == 0 || strings.IndexByte(" \"'", s.text[begin-1]) < 0 {
		return 0, 0, false
	}
	to = i + 1
	for to < len(s.text) && to-i < maxValueRun && strings.IndexByte(" \t\n\"'`;&|)\\", s.text[to]) < 0 {
		to++
	}
	behind := s.text[to:min(len(s.text), to+64)]
	return i + 1, to, strings.Contains(behind, "chpasswd") && chpasswdBehind.MatchString(behind) && isPassword(s.text[i+1:to]) &&
		s.isBehind(i-len(user), chpasswdBefore, "echo", "printf")
}

// inHeader reports whether the name before the colon at i is a header set by a flag.
func (s *secretScan) inHeader(i int, name string) bool {
	return headerBefore.MatchString(s.text[max(0, i-len(name)-16) : i-len(name)])
}
