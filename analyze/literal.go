package analyze

import (
	"bytes"
	"context"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A literal is a text to find in names. It is case-sensitive only if it has an upper-case letter
// ("smart case").
type literal struct {
	text []byte
	fold bool // text is folded; compare it with folded names
}

func newLiteral(text string) literal {
	if strings.ContainsFunc(text, unicode.IsUpper) {
		return literal{text: []byte(text)}
	}
	return literal{text: appendFolded(nil, []byte(text)), fold: true}
}

// appendFolded appends b in lower case to dst. It keeps letters whose lower
// case has another length ("İ"), so that offsets in the folded text are offsets
// in b.
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

// folder folds names one by one into the same buffer.
type folder []byte

// name returns the name in the form to compare with l; valid until the next call.
func (f *folder) name(l literal, name []byte) []byte {
	if !l.fold {
		return name
	}
	*f = appendFolded((*f)[:0], name)
	return *f
}

// checkEvery is the number of names or nodes between two checks of the context.
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

// foldRun is the number of bytes of names that are folded and searched at once: few enough for
// the processor's cache.
const foldRun = 32 << 10

// holding returns the names that contain l. Names are in one byte slice, so
// this is a text search; matches across the end of a name are ignored.
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

// folded appends names first to next-1 to dst, each folded by itself: a name may end inside a
// character, which the next name must not complete.
func (s *names) folded(dst []byte, first, next int) []byte {
	for i := first; i < next; i++ {
		dst = appendFolded(dst, s.at(uint32(i)))
	}
	return dst
}
