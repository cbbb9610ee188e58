package grep

import (
	"unicode/utf16"
	"unicode/utf8"
)

// wide converts UTF-16 to UTF-8. It replaces malformed text with U+FFFD.
type wide struct {
	big  bool // big-endian
	odd  []byte
	high rune // first half of a pair, or 0
	out  []byte
}

// left reports whether the text ended within a character.
func (w *wide) left() bool { return len(w.odd) > 0 || w.high != 0 }

// utf8 converts the next bytes to UTF-8. The result is valid until the next call.
func (w *wide) utf8(b []byte) []byte {
	w.out = w.out[:0]
	if len(w.odd) > 0 && len(b) > 0 {
		w.unit(w.odd[0], b[0])
		w.odd, b = w.odd[:0], b[1:]
	}
	for ; len(b) > 1; b = b[2:] {
		w.unit(b[0], b[1])
	}
	w.odd = append(w.odd, b...)
	return w.out
}

// unit handles one unit of 16 bits.
func (w *wide) unit(first, second byte) {
	r := rune(first) | rune(second)<<8
	if w.big {
		r = rune(first)<<8 | rune(second)
	}
	if w.high != 0 {
		if pair := utf16.DecodeRune(w.high, r); pair != utf8.RuneError {
			w.out = utf8.AppendRune(w.out, pair)
			w.high = 0
			return
		}
		w.out = utf8.AppendRune(w.out, utf8.RuneError)
		w.high = 0
	}
	if utf16.IsSurrogate(r) && r < 0xdc00 {
		w.high = r
		return
	}
	w.out = utf8.AppendRune(w.out, r) // a second half alone becomes U+FFFD
}
