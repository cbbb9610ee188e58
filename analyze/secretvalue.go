package analyze

import "strings"

// secretWords are words that mark a value's name as secret.
var secretWords = map[string]bool{
	"PASSWORD": true, "PASSWD": true, "PASSPHRASE": true, "TOKEN": true, "SECRET": true, "CREDENTIAL": true, "CREDENTIALS": true,
	"APIKEY": true, "ACCESSKEY": true, "SECRETKEY": true, "PRIVATEKEY": true, "AUTHTOKEN": true,
}

// keyWords are words before KEY that mark a secret.
var keyWords = map[string]bool{
	"API": true, "ACCESS": true, "SECRET": true, "PRIVATE": true, "ENCRYPTION": true, "SIGNING": true, "MASTER": true, "AUTH": true,
	"ACCOUNT": true, "STORAGE": true, "SERVICE": true, "ADMIN": true,
}

// publicKeyWords are words before KEY that mark it as public, or as something other than a
// cryptographic key.
var publicKeyWords = map[string]bool{
	"GPG": true, "PGP": true, "PUBLIC": true, "PUB": true, "PUBLISHABLE": true, "ANON": true, "SITE": true, "HOST": true, "SORT": true,
	"PRIMARY": true, "FOREIGN": true, "PARTITION": true, "CACHE": true, "ROUTING": true, "RELEASE": true, "APT": true, "REPO": true,
}

// aboutWords at the end of a name mark a value as information about a secret: its location,
// lifetime or owner.
var aboutWords = map[string]bool{
	"FILE": true, "PATH": true, "DIR": true, "URL": true, "URI": true, "ENDPOINT": true, "NAME": true, "ID": true, "IDS": true, "HEADER": true,
	"TTL": true, "TIMEOUT": true, "EXPIRY": true, "EXPIRES": true, "EXPIRATION": true, "LENGTH": true, "SIZE": true, "TYPE": true,
	"ALGORITHM": true, "ALG": true, "ENABLED": true, "DISABLED": true, "REQUIRED": true, "POLICY": true, "PROVIDER": true, "VERSION": true,
	"MIN": true, "MAX": true, "COUNT": true, "LIMIT": true, "REGEX": true, "PATTERN": true, "ROTATION": true, "STORE": true, "BACKEND": true,
	"MODE": true, "USER": true, "USERNAME": true, "HOST": true, "PORT": true, "REGION": true, "CLASS": true, "ARN": true, "REF": true,
	"ENV": true, "VAR": true, "FIELD": true, "PREFIX": true, "SUFFIX": true, "HELPER": true, "MANAGER": true, "SERVICE": true, "COMMAND": true,
	"CMD": true, "SCRIPT": true, "DRIVER": true, "FORMAT": true, "ISSUER": true, "AUDIENCE": true, "LIFETIME": true, "DURATION": true, "HASH": true,
}

// negations at the start of a name say that there is no secret.
var negations = map[string]bool{"DISABLED": true, "DISABLE": true, "NO": true, "EMPTY": true, "ALLOW": true, "WITHOUT": true, "SKIP": true}

// A nameClaim is what a value's name says about the value.
type nameClaim uint8

const (
	claimsNothing nameClaim = iota
	claimsKey               // ends in KEY: maybe a secret
	claimsSecret
	claimsHeader // an HTTP header with credentials
)

// maxSecretName is the maximum length of a value's name, in bytes.
const maxSecretName = 128

// claimOf classifies a name: "DB_PASSWORD", "client-secret", "apiKey".
func claimOf(name string) nameClaim {
	if len(name) > maxSecretName {
		return claimsNothing
	}
	words := nameWords(name)
	if len(words) == 0 {
		return claimsNothing
	}
	last := words[len(words)-1]
	if negations[words[0]] {
		return claimsNothing
	}
	if last == "AUTHORIZATION" {
		return claimsHeader
	}
	if aboutWords[last] {
		return claimsNothing
	}
	for i, w := range words {
		if secretWords[w] || strings.HasSuffix(w, "PASSWORD") || strings.HasSuffix(w, "PASSWD") || strings.HasSuffix(w, "TOKEN") || w == "SECRETS" && i == len(words)-1 {
			return claimsSecret
		}
		if i > 0 && (w == "KEY" || w == "KEYS") && keyWords[words[i-1]] {
			return claimsSecret
		}
	}
	switch {
	case len(words) > 1 && (last == "PASS" || last == "PWD"):
		return claimsSecret
	case len(words) > 1 && last == "KEY" && !publicKeyWords[words[len(words)-2]]:
		return claimsKey
	case strings.EqualFold(name, "client-key-data"):
		return claimsSecret
	}
	return claimsNothing
}

// nameWords splits a name at characters other than letters and digits, and where a lower-case
// letter precedes an upper-case one. It returns upper case.
func nameWords(name string) []string {
	var words []string
	var word []byte
	end := func() {
		if len(word) > 0 {
			words = append(words, string(word))
			word = word[:0]
		}
	}
	for i := range len(name) {
		c := name[i]
		isUpper := c >= 'A' && c <= 'Z'
		switch {
		case !alnum.has(c):
			end()
			continue
		case isUpper && i > 0 && name[i-1] >= 'a' && name[i-1] <= 'z':
			end()
		}
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		word = append(word, c)
	}
	end()
	return words
}

// stopgaps are placeholders for secrets, in lower case.
var stopgaps = map[string]bool{
	"true": true, "false": true, "yes": true, "no": true, "on": true, "off": true, "none": true, "null": true, "nil": true, "undefined": true,
	"unset": true, "password": true, "passwd": true, "secret": true, "token": true, "required": true, "optional": true, "disabled": true,
	"enabled": true, "empty": true, "value": true, "string": true, "redacted": true, "hidden": true, "todo": true, "fixme": true, "tbd": true,
	"bearer": true, "basic": true, "default": true, "auto": true, "random": true, "env": true, "file": true, "vault": true, "prompt": true, "ask": true,
	"changeit": true, // default of every Java truststore
}

// stopgapParts are parts of placeholders.
var stopgapParts = []string{
	"example", "changeme", "change_me", "change-me", "placeholder", "dummy", "your-", "your_", "<your", "replace", "insert", "xxxx", "****", "...",
	"todo", "fake", "not-a-", "notreal", "not_real",
}

// references are prefixes of values that say where the secret is.
var references = []string{
	"$", "{{", "{%", "<", "%", "@", "!", "`", "#", "/", "./", "../", "~/", "vault:", "arn:", "secret://", "ssm:", "op://", "file:", "env:", "keyring:",
	"sm://", "gcp:", "aws:", "azure:", "kms:", "ENC[", "AQICAH", "base64:$",
}

// isLiteral reports whether a value with a secret-like name may be the secret itself, as opposed
// to a placeholder or a reference.
func isLiteral(value string, claim nameClaim) bool {
	value = strings.TrimSpace(value)
	lower := strings.ToLower(value)
	if len(value) < 3 || stopgaps[lower] || len(value) <= 6 && isNumber(value) {
		return false
	}
	for _, r := range references {
		if strings.HasPrefix(value, r) {
			return false
		}
	}
	for _, part := range stopgapParts {
		if strings.Contains(lower, part) {
			return false
		}
	}
	if strings.Contains(value, "${") || strings.Contains(value, "://") || different(value) < 2 {
		return false
	}
	if claim == claimsKey {
		return looksRandom(value)
	}
	return true
}

// looksRandom reports whether a value looks generated: long, a single word, with mixed
// characters.
func looksRandom(s string) bool {
	return len(s) >= 16 && different(s) >= 8 && !strings.ContainsAny(s, " \t") && strings.ContainsAny(s, "0123456789") && strings.ContainsAny(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz")
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }

// different counts the distinct bytes in s.
func different(s string) int {
	var seen charSet
	n := 0
	for i := range len(s) {
		if c := s[i]; !seen.has(c) {
			seen[c/64] |= 1 << (c % 64)
			n++
		}
	}
	return n
}
