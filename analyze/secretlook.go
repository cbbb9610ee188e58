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

// # Looking into files that are named like secrets
//
// What a file holds is looked at while its layer is scanned, by a collector: then
// no layer is read twice, whatever it is read from. It keeps
// the kinds of secrets that a file holds, and their lines, never a byte of them; so
// neither the cache nor an index that is written has them.

// maxSecretFile is the size of the largest file that is looked into, in bytes.
const maxSecretFile = 64 << 10

// maxLookedInto bounds how many files of one layer are looked into.
const maxLookedInto = 10_000

// maxSights bounds the sights that are kept of one file.
const maxSights = 8

// secretFacts is the name of the collector. Another version of what it draws has
// another name.
const secretFacts = "secret/2"

// Collectors returns what an image has to be opened with (source.Options.Collect)
// for the check to know what is in files that are named like secrets, what
// users /etc/passwd names, and which packages there are. Without, files are known by their names alone.
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

// A look is what was seen in a file.
type look struct {
	unclear bool // nothing was seen, but it is not of a form that is understood
	sights  []sight
}

// A sight is one secret in a file.
type sight struct {
	kind *secretKind
	line int // from 1; 0 if the file is not text
}

// encode writes a look as text: "" for a file that holds no secret, "?" for one
// that is not understood, else a line "KIND LINE" for each.
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

// decodeLook reads what encode has written. What it does not know says nothing:
// the file of an index may come from anywhere.
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

// lookInto says what a file holds. Its time is linear in the content.
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

// isText reports whether content is text: what is in files of settings.
func isText(content []byte) bool {
	return bytes.IndexByte(content, 0) < 0 && utf8.Valid(content)
}

// publicText reports whether the text of a file that is named like a key is known
// for something that anyone may have: it has a certificate, a public key and the
// like, or it is nothing but a comment.
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

// A textForm is what a text is written in, which says where in it names and values
// stand.
type textForm uint8

const (
	bareForm    textForm = iota // a value by itself
	keyForm                     // a file that is named like a key
	settingForm                 // NAME=value, name: value, "name": "value"
	dotenvForm                  // the same, where every name that ends in KEY counts
	netrcForm                   // machine HOST login USER password WORD
	pgpassForm                  // host:port:database:user:password
	shellForm                   // a command
)

// formOf returns the form of the text in a file of that path.
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

// How the content of binary files begins, or what it holds.
var (
	jksMagic  = []byte{0xfe, 0xed, 0xfe, 0xed}
	kdbxMagic = []byte{0x03, 0xd9, 0xa2, 0x9a}
	// The ASN.1 of a PKCS#12 file after its outer header: version 3, then a
	// sequence with the identifier of PKCS#7 data.
	// Source: RFC 7292, section 4.
	p12Version = []byte{0x02, 0x01, 0x03, 0x30}
	p12Data    = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07}
	// The identifiers of bags of PKCS#12: keyBag and pkcs8ShroudedKeyBag end in 1
	// and 2, certBag in 3.
	p12Bag = []byte{0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01}
)

// binarySecret says what a file that is not text is. It is known and no secret if
// the kind is nil.
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

// derSecret says what DER is: a PKCS#12 file, a private key, or nothing that is
// known here.
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

// jksHasKey reports whether a Java keystore has a private or secret key, and not
// only certificates that are trusted.
// Source: sun.security.provider.JavaKeyStore.engineLoad.
func jksHasKey(b []byte) bool {
	if len(b) < 12 {
		return false
	}
	count := binary.BigEndian.Uint32(b[8:])
	b = b[12:]
	text := func() bool { // skips a string with its length in front
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
		if tag != 2 { // a certificate that is trusted
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
