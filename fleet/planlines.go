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

// Bounds on the first and the last line of a plan in a store, in bytes.
const (
	planHead = 1 << 20
	planTail = 4 << 10
)

// planEnds reads the first and the last line of a plan in a store, and nothing between them.
func planEnds(ctx context.Context, s source.Objects, id string) (head PlanHeader, end PlanEnd, err error) {
	o, err := s.Open(ctx, PlanName(id))
	if err != nil {
		return head, end, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	first, err := io.ReadAll(io.NewSectionReader(o, 0, min(o.Size(), planHead)))
	if err != nil {
		return head, end, err
	}
	from := max(0, o.Size()-planTail)
	last, err := io.ReadAll(io.NewSectionReader(o, from, o.Size()-from))
	if err != nil {
		return head, end, err
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

// Text returns the plan as it is written, which is of Size bytes.
func (p *Plan) Text() ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(p.from, 0, p.from.Size()))
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
