package fleet

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/peelhq/peel/source"
)

// Bounds on lines of a plan in a store, in bytes.
const (
	maxStoredLine = 4 << 20
	planTail      = 4 << 10 // in which its last line is
)

// A planLine is one line of a plan: one of these is not nil.
type planLine struct {
	Header *PlanHeader
	Layer  *PlanLayer
	End    *PlanEnd
}

// eachPlanLine calls fn with the header, the layers and the end of a plan in a store, in
// their order; with ends, with the header and the end alone, and reads no more than them.
func eachPlanLine(ctx context.Context, s source.Objects, id string, fn func(*planLine) error, ends bool) (err error) {
	o, err := s.Open(ctx, PlanName(id))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if ends {
		head := bufio.NewReaderSize(io.NewSectionReader(o, 0, min(o.Size(), maxStoredLine)), 4<<10)
		line, err := head.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("its first line: %w", noEOF(err))
		}
		if err := onPlanLine(line, fn); err != nil {
			return err
		}
		from := max(0, o.Size()-planTail)
		tail, err := io.ReadAll(io.NewSectionReader(o, from, o.Size()-from))
		if err != nil {
			return err
		}
		tail = bytes.TrimSuffix(tail, []byte("\n"))
		return onPlanLine(tail[bytes.LastIndexByte(tail, '\n')+1:], fn)
	}
	lines := bufio.NewScanner(io.NewSectionReader(o, 0, o.Size()))
	lines.Buffer(make([]byte, 0, 64<<10), maxStoredLine)
	for lines.Scan() {
		if err := onPlanLine(lines.Bytes(), fn); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return lines.Err()
}

// onPlanLine calls fn with a line, unless it is of an image.
func onPlanLine(line []byte, fn func(*planLine) error) error {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return fmt.Errorf("not a plan: %w", err)
	}
	var l planLine
	var into any
	switch kind.Type {
	case "plan":
		l.Header = &PlanHeader{}
		into = l.Header
	case "layer":
		l.Layer = &PlanLayer{}
		into = l.Layer
	case "end":
		l.End = &PlanEnd{}
		into = l.End
	default:
		return nil
	}
	if err := json.Unmarshal(line, into); err != nil {
		return fmt.Errorf("not a plan: %w", err)
	}
	return fn(&l)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// PlanSize is how large a plan is.
type PlanSize struct {
	Bytes  int64  // of the plan itself
	Digest string // SHA-256 of it, in hex
	End    PlanEnd
}

// SizePlan reads a plan to its end and says how large it is. A plan without its last line is
// an error: it is not finished.
func SizePlan(r io.Reader) (PlanSize, error) {
	sum := sha256.New()
	counted := &counter{}
	lines := bufio.NewScanner(io.TeeReader(r, io.MultiWriter(sum, counted)))
	lines.Buffer(make([]byte, 0, 64<<10), maxStoredLine)
	var size PlanSize
	begun, ended := false, false
	for n := 1; lines.Scan(); n++ {
		err := onPlanLine(lines.Bytes(), func(l *planLine) error {
			switch {
			case l.Header != nil && l.Header.Version != PlanVersion:
				return fmt.Errorf("a plan of version %d: this peel reads version %d", l.Header.Version, PlanVersion)
			case l.Header != nil:
				begun = n == 1
			case l.End != nil:
				size.End, ended = *l.End, true
			}
			return nil
		})
		switch {
		case err != nil:
			return size, fmt.Errorf("line %d: %w", n, err)
		case !begun:
			return size, errors.New("not a plan: its first line is not that of one")
		}
	}
	if err := lines.Err(); err != nil {
		return size, err
	}
	if !ended {
		return size, errors.New("the plan is not finished: run peel fleet plan again, which goes on where it ended")
	}
	size.Bytes, size.Digest = counted.n, hex.EncodeToString(sum.Sum(nil))
	return size, nil
}

// counter counts what is written to it.
type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}
