package analyze

import (
	"bytes"
	"context"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A literal is text to look for in names. Its case counts if it holds an
// upper-case letter, and else does not ("smart case").
type literal struct {
	text []byte
	fold bool // text is folded, and is to be held against folded names
}

func newLiteral(text string) literal {
	if strings.ContainsFunc(text, unicode.IsUpper) {
		return literal{text: []byte(text)}
	}
	return literal{text: appendFolded(nil, []byte(text)), fold: true}
}

// appendFolded appends b to dst with its letters in lower case. Letters whose
// lower case takes another number of bytes ("İ") stay, so that a place in the
// folded text is that place in b.
func appendFolded(dst, b []byte) []byte {
	from := len(dst)
	dst = append(dst, b...)
	for i := from; i < len(dst); {
		c := dst[i]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				dst[i] = c + 'a' - 'A'
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(dst[i:])
		if low := unicode.ToLower(r); low != r && utf8.RuneLen(low) == size {
			utf8.EncodeRune(dst[i:], low)
		}
		i += size
	}
	return dst
}

// folder folds names one after the other, into the same memory.
type folder []byte

// name returns the name as l is to be held against it, until the next call.
func (f *folder) name(l literal, name []byte) []byte {
	if !l.fold {
		return name
	}
	*f = appendFolded((*f)[:0], name)
	return *f
}

// checkEvery is how many names or nodes are passed between two looks at
// whether the result is still wanted.
const checkEvery = 1 << 13

// where returns the names for which f holds.
func (s *names) where(ctx context.Context, f func(name []byte) bool) (bitmap, error) {
	found := newBitmap(len(s.from))
	for i := range s.from {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if f(s.at(uint32(i))) {
			found.set(i)
		}
	}
	return found, nil
}

// foldRun is how many bytes of names are folded and searched at once: few enough
// to stay in the processor's cache.
const foldRun = 32 << 10

// holding returns the names that hold l. They stand in one run of bytes, so that
// this is a search through text; what is found across the end of a name is
// none.
func (s *names) holding(ctx context.Context, l literal) (bitmap, error) {
	if len(l.text) == 0 {
		return s.where(ctx, func([]byte) bool { return true })
	}
	found := newBitmap(len(s.from))
	var buf []byte
	for first := 0; first < len(s.from); {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		start := int(s.from[first])
		next := first + 1
		for next < len(s.from) && int(s.from[next])-start < foldRun {
			next++
		}
		end := len(s.text)
		if next < len(s.from) {
			end = int(s.from[next])
		}
		run := s.text[start:end]
		if l.fold {
			buf = s.folded(buf[:0], first, next)
			run = buf
		}
		for i, at := first, 0; ; {
			hit := bytes.Index(run[at:], l.text)
			if hit < 0 {
				break
			}
			at += hit
			for i+1 < next && int(s.from[i+1])-start <= at {
				i++
			}
			stop := len(run)
			if i+1 < next {
				stop = int(s.from[i+1]) - start
			}
			if at+len(l.text) <= stop {
				found.set(i)
				at = stop
				continue
			}
			at++
		}
		first = next
	}
	return found, nil
}

// folded appends names first to next-1 to dst, folded each by itself: a name may
// end within a character, and the next must not complete it.
func (s *names) folded(dst []byte, first, next int) []byte {
	for i := first; i < next; i++ {
		dst = appendFolded(dst, s.at(uint32(i)))
	}
	return dst
}
