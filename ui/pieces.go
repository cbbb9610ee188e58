package ui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sort"
	"unicode/utf8"
)

// A text is shown in pieces: its lines, and of a line that is very long, parts
// of maxPiece bytes at most, so that no row of the screen ever asks for more. A
// piece is a row; rows and lines are counted from 0.
//
// Where a row is in a large file is known by marks, one in so many bytes: from
// the nearest mark before it the pieces are counted on. There are never more
// than maxMarks of them, however large the file is: then every second one is
// dropped, and the distance doubles.
const (
	maxPiece  = 4 << 10
	maxMarks  = 1 << 16
	markEvery = 64 << 10 // bytes, to begin with
	readStep  = 4 << 20  // bytes that are looked through at a time, in the background
)

// content is what a viewer reads: an analyze.Version's body.
type content interface {
	Size() int64
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)
	Close() error
}

// A mark is where a piece begins.
type mark struct {
	off, row, line int64
	cont           bool // it goes on with the line of the piece before
}

// after returns the mark of the piece behind one of n bytes, that ends its line
// or not.
func (k mark) after(n int, ends bool) mark {
	k.off += int64(n)
	k.row++
	k.cont = !ends
	if ends {
		k.line++
	}
	return k
}

// cutPiece returns the length of the piece that b begins with, its line feed
// included, and whether it ends with one. What b holds must be more than a piece,
// or all there is. No character is cut in two.
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

// enough reports whether b, which goes on, holds the whole of its first piece.
func enough(b []byte) bool {
	return len(b) > maxPiece || bytes.IndexByte(b, '\n') >= 0
}

// index is what is known of where a text's pieces are.
type index struct {
	marks []mark // some of them, the first first; those in the slice do not change any more
	every int64  // bytes between two of them, at least
	at    mark   // of the first piece that has not been looked at
	done  bool   // at is the end
}

func newIndex() index { return index{marks: []mark{{}}, every: markEvery} }

// lines returns how many lines have been found.
func (x *index) lines() int64 {
	if x.at.cont {
		return x.at.line + 1 // the last one has no line feed, or has not ended yet
	}
	return x.at.line
}

// scan counts the pieces of b, which is what the text has at x.at; last says that
// there is nothing more. It returns a new index, of which x.marks is a beginning.
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

// A goal is a place in a text: what it counts, and how far that goes.
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

// passed reports whether a mark lies behind the goal.
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

// reached reports whether x goes far enough to find the goal from. Rows are found
// by counting on from what is known.
func (x *index) reached(g goal) bool { return x.done || g.by == byRow || g.passed(x.at) }

// before returns the last mark that is not behind the goal.
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
	ends   bool   // it had one
	tokens []token
}

// pieces calls fn with one piece after the other, from a mark on, until fn
// returns false or the content ends. The text is fn's to keep.
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

// Bounds of what is held of a text around what is on the screen.
const (
	piecesBefore = 300
	piecesAfter  = 700
	piecesLeast  = 400     // behind the goal, however long they are
	piecesBytes  = 1 << 19 // together, but for those
)

// around returns the pieces around a goal, and the row that it is in, for a screen
// of so many rows.
func (x *index) around(ctx context.Context, c content, g goal, screen int) (rows []piece, at int64, err error) {
	start := x.before(g)
	at = -1
	if g.by == byRow {
		at = g.n
	} else {
		// Which row is it? The last of those that do not begin behind it.
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
		p.text = append([]byte(nil), p.text...) // not all of what was read for it
		rows = append(rows, p)
		bytes += len(p.text)
		return p.row < at+least || p.row < at+piecesAfter && bytes < piecesBytes
	})
	return rows, at, err
}
