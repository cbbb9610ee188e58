package ui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sort"
	"unicode/utf8"
)

// A text is shown in pieces: its lines, or parts of at most maxPiece bytes of very long lines,
// so that no row of the screen ever needs more. A piece is a row; rows and lines are counted
// from 0.
//
// Marks show where rows are in a large file, with one mark for every so many bytes: pieces are
// counted from the nearest mark before a row. There are at most maxMarks, whatever the size of
// the file: beyond that, every second one is dropped, and the distance doubles.
const (
	maxPiece  = 4 << 10
	maxMarks  = 1 << 16
	markEvery = 64 << 10 // initial distance in bytes
	readStep  = 4 << 20  // bytes to scan at a time, in the background
)

// content is what a viewer reads: the body of an analyze.Version.
type content interface {
	Size() int64
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)
	Close() error
}

// A mark is the position where a piece begins.
type mark struct {
	off, row, line int64
	cont           bool // it continues the line of the previous piece
}

// after returns the mark after a piece of n bytes; ends says whether the piece ends its line.
func (k mark) after(n int, ends bool) mark {
	k.off += int64(n)
	k.row++
	k.cont = !ends
	if ends {
		k.line++
	}
	return k
}

// cutPiece returns the length of the first piece of b, including its line feed, and whether it
// ends with one. b must hold more than a piece, or the whole rest. It never splits a character.
func cutPiece(b []byte) (n int, ends bool) {
	if i := bytes.IndexByte(b[:min(len(b), maxPiece+1)], '\n'); i >= 0 {
		return i + 1, true
	}
	if len(b) <= maxPiece {
		return len(b), false
	}
	n = maxPiece
	for k := 1; k < utf8.UTFMax; k++ {
		if utf8.RuneStart(b[n-k]) {
			if !utf8.FullRune(b[n-k : n]) {
				n -= k
			}
			break
		}
	}
	return n, false
}

// enough reports whether b, which isn't the whole rest, holds its whole first piece.
func enough(b []byte) bool {
	return len(b) > maxPiece || bytes.IndexByte(b, '\n') >= 0
}

// index holds the known positions of a text's pieces.
type index struct {
	marks []mark // some of them, in order; existing elements don't change
	every int64  // minimum distance between two marks, in bytes
	at    mark   // of the first piece that hasn't been scanned
	done  bool   // at is the end
}

func newIndex() index { return index{marks: []mark{{}}, every: markEvery} }

// lines returns how many lines have been found.
func (x *index) lines() int64 {
	if x.at.cont {
		return x.at.line + 1 // the last line has no line feed, or hasn't ended yet
	}
	return x.at.line
}

// scan counts the pieces of b, which is the text at x.at; last says that it is the rest. It
// returns a new index whose marks begin with x.marks.
func (x index) scan(b []byte, last bool) index {
	for len(b) > 0 && (last || enough(b)) {
		n, ends := cutPiece(b)
		if x.at.off-x.marks[len(x.marks)-1].off >= x.every {
			x.marks = append(x.marks, x.at)
		}
		x.at = x.at.after(n, ends)
		b = b[n:]
	}
	x.done = last
	if len(x.marks) > maxMarks {
		thin := make([]mark, 0, maxMarks)
		for i := 0; i < len(x.marks); i += 2 {
			thin = append(thin, x.marks[i])
		}
		x.marks, x.every = thin, 2*x.every
	}
	return x
}

// A goal is a place in a text: what it counts, and up to which number.
type goal struct {
	by goalKind
	n  int64
}

type goalKind uint8

const (
	byRow goalKind = iota
	byLine
	byOffset
	atEnd // the last row
)

// passed reports whether a mark lies after the goal.
func (g goal) passed(k mark) bool {
	switch g.by {
	case byRow:
		return k.row > g.n
	case byLine:
		return k.line > g.n
	case byOffset:
		return k.off > g.n
	}
	return false
}

// reached reports whether x covers enough of the text to find the goal. Rows are always found
// by counting on.
func (x *index) reached(g goal) bool { return x.done || g.by == byRow || g.passed(x.at) }

// before returns the last mark that isn't after the goal.
func (x *index) before(g goal) mark {
	if g.by == atEnd {
		return x.marks[len(x.marks)-1]
	}
	i := sort.Search(len(x.marks), func(i int) bool { return g.passed(x.marks[i]) })
	return x.marks[max(i-1, 0)]
}

// A piece is a row of a text.
type piece struct {
	mark
	text   []byte // without its line feed
	ends   bool   // it had a line feed
	tokens []token
}

// pieces calls fn with one piece after the other, starting at a mark, until fn returns false or
// the content ends. fn may keep the text.
func pieces(ctx context.Context, c content, from mark, fn func(piece) bool) error {
	const chunk = 64 << 10
	var rest []byte
	for read := from.off; ; {
		buf := make([]byte, len(rest)+int(max(min(chunk, c.Size()-read), 0)))
		copy(buf, rest)
		n, err := c.ReadAt(ctx, buf[len(rest):], read)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		rest, read = buf[:len(rest)+n], read+int64(n)
		last := read >= c.Size() || n == 0
		for len(rest) > 0 && (last || enough(rest)) {
			n, ends := cutPiece(rest)
			p := piece{mark: from, text: rest[:n:n], ends: ends}
			if ends {
				p.text = p.text[:n-1]
			}
			from, rest = from.after(n, ends), rest[n:]
			if !fn(p) {
				return nil
			}
		}
		if last {
			return nil
		}
	}
}

// Bounds on the text held around the screen.
const (
	piecesBefore = 300
	piecesAfter  = 700
	piecesLeast  = 400     // after the goal, whatever their length
	piecesBytes  = 1 << 19 // in total, apart from those
)

// around returns the pieces around a goal, and the goal's row, for a screen with this many
// rows.
func (x *index) around(ctx context.Context, c content, g goal, screen int) (rows []piece, at int64, err error) {
	start := x.before(g)
	at = -1
	if g.by == byRow {
		at = g.n
	} else {
		// The goal's row is the last one that doesn't begin after it.
		err = pieces(ctx, c, start, func(p piece) bool {
			if at >= 0 && (g.passed(p.mark) || g.by == byLine && p.line == g.n && p.cont) {
				return false
			}
			at = p.row
			return true
		})
		at = max(at, 0)
	}
	if err != nil {
		return nil, at, err
	}
	first := max(at-max(piecesBefore, 2*int64(screen)), 0)
	least := max(piecesLeast, 3*int64(screen))
	bytes := 0
	err = pieces(ctx, c, x.before(goal{byRow, first}), func(p piece) bool {
		if p.row < first {
			return true
		}
		p.text = append([]byte(nil), p.text...) // without the rest of the buffer
		rows = append(rows, p)
		bytes += len(p.text)
		return p.row < at+least || p.row < at+piecesAfter && bytes < piecesBytes
	})
	return rows, at, err
}
