package analyze

import (
	"bytes"
	"encoding/binary"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/peelhq/peel/source"
)

// # Inspecting files that are named like secrets
//
// A collector inspects files while their layer is scanned, so that no layer is read twice,
// whatever its source. It keeps the kinds of secrets in a file and their lines, but never a byte
// of them, so neither the cache nor an index contains secrets.

// maxSecretFile is the maximum size of an inspected file, in bytes.
const maxSecretFile = 64 << 10

// maxLookedInto is the maximum number of inspected files in one layer.
const maxLookedInto = 10_000

// maxSights is the maximum number of sights kept for one file.
const maxSights = 8

// secretFacts is the name of the collector. It changes when the format of its facts does.
const secretFacts = "secret/2"

// Collectors returns the collectors that an image must be opened with (source.Options.Collect) so
// that the check knows the content of files named like secrets, the users in /etc/passwd, and the
// packages. Without them, files are judged by name alone.
func Collectors() []source.Collector {
	return []source.Collector{
		{
			Name: secretFacts, Most: maxLookedInto,
			Wants: func(r *source.Record) bool {
				return r.Size > 0 && r.Size <= maxSecretFile && !r.Sparse && mayHold(r.Name) && namedSecret(cleanPath(string(r.Name))) != notSecret
			},
			Draw: func(name string, content io.Reader) ([]byte, error) {
				text, err := io.ReadAll(io.LimitReader(content, maxSecretFile))
				if err != nil {
					return nil, err
				}
				l := lookInto(cleanPath(name), text)
				clear(text)
				return l.encode(), nil
			},
		},
		userCollector,
		PackageCollector(),
	}
}

// A look is the result of inspecting a file.
type look struct {
	unclear bool // nothing was found, but the format is not understood
	sights  []sight
}

// A sight is one secret in a file.
type sight struct {
	kind *secretKind
	line int // 1-based; 0 if the file is not text
}

// encode encodes a look as text: "" for a file without secrets, "?" for an unknown format,
// otherwise one line "KIND LINE" for each secret.
func (l *look) encode() []byte {
	if l.unclear {
		return []byte("?")
	}
	b := []byte{}
	for _, s := range l.sights {
		b = append(b, s.kind.id+" "+strconv.Itoa(s.line)+"\n"...)
	}
	return b
}

// decodeLook decodes the output of encode. It ignores what it does not know, because an index may
// come from anywhere.
func decodeLook(b []byte) look {
	if string(b) == "?" {
		return look{unclear: true}
	}
	var l look
	for line := range strings.Lines(string(b)) {
		id, number, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if kind := secretKindOf(id); kind != nil && len(l.sights) < maxSights {
			n, err := strconv.Atoi(number)
			if err != nil || n < 0 || n > maxSecretFile {
				n = 0
			}
			l.sights = append(l.sights, sight{kind, n})
		}
	}
	l.unclear = len(b) > 0 && len(l.sights) == 0
	return l
}

// lookInto inspects a file. Its time is linear in the content.
func lookInto(name string, content []byte) look {
	if len(bytes.TrimSpace(content)) == 0 {
		return look{}
	}
	if kind, known := binarySecret(content); known {
		if kind == nil {
			return look{}
		}
		return look{sights: []sight{{kind, 0}}}
	}
	text := isText(content)
	if !text {
		return look{unclear: true}
	}
	form := formOf(name)
	var l look
	line, at := 1, 0
	for _, s := range scanSecrets(string(content), form) {
		line += bytes.Count(content[at:s.from], []byte("\n"))
		at = s.from
		if !slices.ContainsFunc(l.sights, func(o sight) bool { return o.kind == s.kind }) && len(l.sights) < maxSights {
			l.sights = append(l.sights, sight{s.kind, line})
		}
	}
	l.unclear = len(l.sights) == 0 && form == keyForm && !publicText(content)
	return l
}

// isText reports whether content is text, as settings files are.
func isText(content []byte) bool {
	return bytes.IndexByte(content, 0) < 0 && utf8.Valid(content)
}

// publicText reports whether a text file that is named like a key is public: it
// contains a certificate, a public key or the like, or only comments.
func publicText(content []byte) bool {
	for _, mark := range []string{
		"-----BEGIN CERTIFICATE", "-----BEGIN TRUSTED CERTIFICATE", "-----BEGIN X509 CRL", "-----BEGIN PUBLIC KEY", "-----BEGIN RSA PUBLIC KEY", "-----BEGIN PGP PUBLIC KEY",
		"-----BEGIN DH PARAMETERS", "-----BEGIN EC PARAMETERS", "-----BEGIN PKCS7", "-----BEGIN NEW CERTIFICATE", "---- BEGIN SSH2 PUBLIC KEY", "-----BEGIN SSH SIGNATURE",
		"-----BEGIN PGP SIGNATURE", "-----BEGIN PGP SIGNED MESSAGE",
	} {
		if bytes.Contains(content, []byte(mark)) {
			return true
		}
	}
	for line := range bytes.Lines(content) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' || bytes.HasPrefix(line, []byte("ssh-")) || bytes.HasPrefix(line, []byte("ecdsa-sha2-")) ||
			bytes.HasPrefix(line, []byte("sk-ssh-")) || bytes.HasPrefix(line, []byte("sk-ecdsa-")) {
			continue
		}
		return false
	}
	return true
}

// A textForm is the format of a text, which determines where names and values are.
type textForm uint8

const (
	bareForm    textForm = iota // a single value
	keyForm                     // a file named like a key
	settingForm                 // NAME=value, name: value, "name": "value"
	dotenvForm                  // the same, where every name that ends in KEY counts
	netrcForm                   // machine HOST login USER password WORD
	pgpassForm                  // host:port:database:user:password
	shellForm                   // a command
)

// formOf returns the format of the text in a file at a path.
func formOf(name string) textForm {
	base := path.Base(name)
	for _, end := range copyEnds {
		base = strings.TrimSuffix(base, end)
	}
	switch {
	case base == ".netrc", base == "_netrc":
		return netrcForm
	case base == ".pgpass":
		return pgpassForm
	case base == ".bash_history":
		return shellForm
	case base == ".env", strings.HasPrefix(base, ".env."), strings.HasSuffix(base, ".env"):
		return dotenvForm
	case strings.HasSuffix(base, ".crt"), base == ".vault-token", base == "deploy_key", strings.HasPrefix(base, "id_"), path.Base(path.Dir(name)) == ".ssh",
		slices.ContainsFunc(secretEnds, func(end string) bool { return strings.HasSuffix(base, end) }):
		return keyForm
	}
	return settingForm
}

// Signatures of binary files.
var (
	jksMagic  = []byte{0xfe, 0xed, 0xfe, 0xed}
	kdbxMagic = []byte{0x03, 0xd9, 0xa2, 0x9a}
	// The ASN.1 of a PKCS#12 file after its outer header: version 3, then a
	// sequence with the identifier of PKCS#7 data. Source: RFC 7292, section 4.
	p12Version = []byte{0x02, 0x01, 0x03, 0x30}
	p12Data    = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07}
	// Identifiers of PKCS#12 bags: keyBag and pkcs8ShroudedKeyBag end in 1 and 2, certBag in 3.
	p12Bag = []byte{0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01}
)

// binarySecret inspects a binary file. If it is known and the kind is nil, the file is not a
// secret.
func binarySecret(b []byte) (kind *secretKind, known bool) {
	switch {
	case bytes.HasPrefix(b, jksMagic):
		if jksHasKey(b) {
			return keystoreKind, true
		}
		return nil, true
	case bytes.HasPrefix(b, kdbxMagic):
		return passwordsKind, true
	case b[0] == 0x30 && len(b) > 20:
		return derSecret(b)
	case b[0]&^3 == 0x94, b[0] == 0xc5: // an OpenPGP packet of tag 5, a private key; RFC 9580, section 4.2
		if !isText(b) {
			return pgpKind, true
		}
	case b[0]&^3 == 0x98, b[0] == 0xc6: // of tag 6, a public one
		return nil, !isText(b)
	}
	return nil, false
}

// derSecret inspects DER: a PKCS#12 file, a private key, or something unknown.
func derSecret(b []byte) (kind *secretKind, known bool) {
	inner := b[2:]
	if b[1] >= 0x80 {
		inner = b[min(2+int(b[1]&0x7f), len(b)):]
	}
	switch {
	case bytes.HasPrefix(inner, p12Version) && bytes.Contains(b[:min(len(b), 64)], p12Data):
		for rest := b; ; {
			at := bytes.Index(rest, p12Bag)
			if at < 0 || at+len(p12Bag) == len(rest) {
				return nil, false // its bags may be encrypted
			}
			if last := rest[at+len(p12Bag)]; last == 1 || last == 2 {
				return keystoreKind, true
			}
			rest = rest[at+len(p12Bag):]
		}
	case bytes.HasPrefix(inner, []byte{0x02, 0x01, 0x00, 0x02}), // PKCS#1: version 0, then the modulus; RFC 8017, A.1.2
		bytes.HasPrefix(inner, []byte{0x02, 0x01, 0x00, 0x30}), // PKCS#8: version 0, then the algorithm; RFC 5958
		bytes.HasPrefix(inner, []byte{0x02, 0x01, 0x01, 0x04}): // an elliptic curve's: version 1, then the key; RFC 5915
		return privateKeyKind, true
	}
	return nil, false
}

// jksHasKey reports whether a Java keystore has a private or secret key besides
// trusted certificates. Source: sun.security.provider.JavaKeyStore.engineLoad.
func jksHasKey(b []byte) bool {
	if len(b) < 12 {
		return false
	}
	count := binary.BigEndian.Uint32(b[8:])
	b = b[12:]
	text := func() bool { // skips a length-prefixed string
		if len(b) < 2 {
			return false
		}
		n := int(binary.BigEndian.Uint16(b)) + 2
		if len(b) < n {
			return false
		}
		b = b[n:]
		return true
	}
	for range count {
		if len(b) < 4 {
			return false
		}
		tag := binary.BigEndian.Uint32(b)
		b = b[4:]
		if tag != 2 { // a trusted certificate
			return true
		}
		if !text() || len(b) < 8 {
			return false
		}
		b = b[8:]
		if !text() || len(b) < 4 {
			return false
		}
		n := int64(binary.BigEndian.Uint32(b)) + 4
		if int64(len(b)) < n {
			return false
		}
		b = b[n:]
	}
	return false
}
