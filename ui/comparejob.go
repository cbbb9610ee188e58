package ui

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/rogpeppe/go-internal/diff"

	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/redact"
)

// maxDiff is the maximum size of texts compared line by line, in bytes each. The work is n log n,
// and both are in memory.
const maxDiff = 8 << 20

// A compareResult is the result of comparing two contents.
type compareResult struct {
	files          bool // both were files
	isSum, wasSum  string
	first          int64    // the first byte that differs; -1 if none does
	note           string   // why there is no diff
	lines          []string // of the unified diff, without its head; each begins with a sign
	widest         int      // their approximate size
	added, removed int
}

// A compareJob is a comparison of contents under way. It belongs to the command
// that takes the next step.
type compareJob struct {
	p        *comparison
	is, was  content
	isSum    hash.Hash
	wasSum   hash.Hash
	text     bool // both are text so far
	old, new []byte
	pos      int64
	first    int64
	buf      [2][]byte
}

// end closes the files.
func (c *compareJob) end() {
	_ = c.is.Close() // nothing was written
	_ = c.was.Close()
}

// beginCmd opens both contents.
func (p *comparison) beginCmd() tea.Cmd {
	ctx, is, was := p.ctx, p.is, p.was
	return func() tea.Msg {
		a, err := is.Body(ctx)
		if err != nil {
			return compareDoneMsg{p: p, err: err}
		}
		b, err := was.Body(ctx)
		if err != nil {
			return compareDoneMsg{p: p, err: errors.Join(err, a.Close())}
		}
		c := &compareJob{p: p, is: a, was: b, isSum: sha256.New(), wasSum: sha256.New(), text: true, first: -1}
		return c.step(ctx)
	}
}

// step compares some more.
func (c *compareJob) step(ctx context.Context) tea.Msg {
	for i := range c.buf {
		if c.buf[i] == nil {
			c.buf[i] = make([]byte, min(readStep, max(c.is.Size(), c.was.Size())))
		}
	}
	a, err := readPart(ctx, c.is, c.buf[0], c.pos)
	if err == nil {
		var b []byte
		if b, err = readPart(ctx, c.was, c.buf[1], c.pos); err == nil {
			c.take(a, b)
		}
	}
	switch {
	case err != nil:
		c.end()
		return compareDoneMsg{p: c.p, err: err}
	case c.pos < max(c.is.Size(), c.was.Size()):
		return compareStepMsg{c}
	}
	c.end()
	return compareDoneMsg{p: c.p, result: c.conclude()}
}

// readPart reads a part of a content at off, which is shorter at its end.
func readPart(ctx context.Context, c content, buf []byte, off int64) ([]byte, error) {
	buf = buf[:max(min(int64(len(buf)), c.Size()-off), 0)]
	if len(buf) == 0 {
		return nil, nil
	}
	_, err := c.ReadAt(ctx, buf, off)
	return buf, err
}

// take processes the next parts of both.
func (c *compareJob) take(is, was []byte) {
	c.isSum.Write(is)
	c.wasSum.Write(was)
	if c.first < 0 && !bytes.Equal(is, was) {
		i := 0
		for i < min(len(is), len(was)) && is[i] == was[i] {
			i++
		}
		c.first = c.pos + int64(i)
	}
	if c.pos == 0 {
		c.text = isText(is[:min(len(is), headSize)], len(is) > headSize) && isText(was[:min(len(was), headSize)], len(was) > headSize)
	}
	if c.text && c.is.Size() <= maxDiff && c.was.Size() <= maxDiff {
		c.new, c.old = append(c.new, is...), append(c.old, was...)
	}
	c.pos += int64(len(c.buf[0]))
}

// conclude makes the result, and the diff if both are texts.
func (c *compareJob) conclude() *compareResult {
	r := &compareResult{files: true, first: c.first}
	r.isSum, r.wasSum = hex.EncodeToString(c.isSum.Sum(nil)), hex.EncodeToString(c.wasSum.Sum(nil))
	switch {
	case c.first < 0:
		r.note = "none: the contents are the same"
		return r
	case !c.text:
		r.note = "none: they are not both text"
		return r
	case c.is.Size() > maxDiff || c.was.Size() > maxDiff:
		r.note = fmt.Sprintf("none: texts of up to %s are compared line by line", human.Size(maxDiff))
		return r
	}
	text := string(diff.Diff("old", c.old, "new", c.new))
	at := strings.Index(text, "\n@@")
	for s := range strings.SplitSeq(strings.TrimSuffix(text[at+1:], "\n"), "\n") {
		if s == "" {
			s = " "
		}
		switch s[0] {
		case '+':
			r.added++
		case '-':
			r.removed++
		}
		r.widest = max(r.widest, min(len(s), maxPiece))
		r.lines = append(r.lines, s)
	}
	r.note = fmt.Sprintf("%s added, %s removed", counted(r.added, "line"), counted(r.removed, "line"))
	return r
}

// attributeNames returns the names of extended attributes that any of them has.
func attributeNames(of ...map[string]string) []string {
	var names []string
	for _, m := range of {
		names = slices.AppendSeq(names, maps.Keys(m))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// compareStepMsg brings the progress of a comparison.
type compareStepMsg struct{ c *compareJob }

func (msg compareStepMsg) update() tea.Cmd {
	p := msg.c.p
	p.done = msg.c.pos
	ctx := p.ctx
	return func() tea.Msg { return msg.c.step(ctx) } // which ends it, if the page is closed
}

// drop ends a comparison that is no longer needed.
func (msg compareStepMsg) drop() { msg.c.end() }

// compareDoneMsg brings the result of a comparison.
type compareDoneMsg struct {
	p      *comparison
	result *compareResult
	err    error
}

func (msg compareDoneMsg) update() tea.Cmd { //nolint:unparam // like every pageMsg
	p := msg.p
	switch {
	case p.ctx.Err() != nil: // nobody waits for it anymore
		return nil
	case msg.err != nil:
		p.broken = p.lk.line("cannot compare: " + redact.Text(msg.err.Error()))
	default:
		p.result = msg.result
	}
	p.wide = 0
	return nil
}
