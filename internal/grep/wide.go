package grep

import (
	"unicode/utf16"
	"unicode/utf8"
)

// wide turns UTF-16 into UTF-8. What is malformed becomes U+FFFD.
type wide struct {
	big  bool // the higher byte comes first
	odd  []byte
	high rune // the first half of a pair; 0 if there is none
	out  []byte
}

// left reports whether the text has ended within a character.
func (w *wide) left() bool { return len(w.odd) > 0 || w.high != 0 }

// utf8 returns what comes next as UTF-8, valid until the next call.
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

// unit takes one unit of 16 bits.
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
