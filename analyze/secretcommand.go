package analyze

import (
	"strings"

	"github.com/peelhq/peel/internal/lazy"
)

// # Secrets that only the command around them tells
//
// "-p" is a password for some commands, and for most it is not: for mkdir, cp, ssh.

// maxCommandBefore bounds how far in front of a flag its command is looked for, in
// bytes.
const maxCommandBefore = 300

// maxCommandLooks bounds how often a command is looked for in one text: no build step
// has so many passwords, and text made to keep the scan busy may.
const maxCommandLooks = 4096

// How the text between the beginning of a command and its flag -p looks, if that is a
// password.
var (
	// Source: the synopsis of sshpass(1). What follows the command that it runs is that
	// command's.
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

	// The flag of curl and wget for a header.
	headerBefore = lazy.New(`(?:^|\s)(?:-H|--header)[ =]?["']?$`)
)

// isBehind reports whether what is at i stands behind a command of a pattern, which has
// one of the words in it.
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

// commandBefore returns the text of a command in front of i: from what ends the one
// before it, but no more than maxCommandBefore.
func (s *secretScan) commandBefore(i int) string {
	before := s.text[max(0, i-maxCommandBefore):i]
	return before[strings.LastIndexAny(before, ";&|()`\n")+1:]
}

// passwordFlag looks at a flag -p, which begins at i: "sshpass -p abc", "docker login
// -p abc", "mysql -pabc". It returns where the password lies.
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

// wordAt returns where the word of a shell that begins at i lies, without its quotes.
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

// account looks at USER:PASSWORD that is given to chpasswd; the colon is at i. It
// returns where the password lies.
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

// inHeader reports whether the name whose colon is at i is that of a header that a
// flag gives.
func (s *secretScan) inHeader(i int, name string) bool {
	return headerBefore.MatchString(s.text[max(0, i-len(name)-16) : i-len(name)])
}
