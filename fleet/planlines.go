package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/peelhq/peel/source"
)

// Limits on the first and the last line of a plan in a store, in bytes.
const (
	planHead = 1 << 20 // planTail times a power of 16
	planTail = 4 << 10
)

// planEnds reads the first and the last line of a plan in a store, and nothing between them.
func planEnds(ctx context.Context, s source.Objects, id string) (head PlanHeader, end PlanEnd, err error) {
	o, err := s.Open(ctx, PlanName(id))
	if err != nil {
		return head, end, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	last, err := readPart(o, max(0, o.Size()-planTail), o.Size())
	if err != nil {
		return head, end, err
	}
	first, whole := last, o.Size() <= planTail
	for size := int64(planTail); !whole && size <= planHead; size *= 16 {
		if first, err = readPart(o, 0, min(size, o.Size())); err != nil {
			return head, end, err
		}
		whole = bytes.IndexByte(first, '\n') >= 0
	}
	first, _, _ = bytes.Cut(first, []byte("\n"))
	last = bytes.TrimSuffix(last, []byte("\n"))
	last = last[bytes.LastIndexByte(last, '\n')+1:]
	if err := errors.Join(json.Unmarshal(first, &head), json.Unmarshal(last, &end)); err != nil {
		return head, end, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	if head.Type != "plan" || end.Type != "end" {
		return head, end, fmt.Errorf("%w: its first or last line is missing", ErrPlan)
	}
	return head, end, nil
}

// readPart reads a part of an object in one read, because each read is a request.
func readPart(o source.Object, from, to int64) ([]byte, error) {
	b := make([]byte, to-from)
	_, err := io.ReadFull(io.NewSectionReader(o, from, to-from), b)
	return b, noEOF(err)
}

// Text returns the text of the plan, which has Size bytes.
func (p *Plan) Text() ([]byte, error) { return readPart(p.from, 0, p.from.Size()) }

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
