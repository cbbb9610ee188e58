package fleet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/peelhq/peel/source"
)

// PlanFacts are facts about a plan.
type PlanFacts struct {
	ID      string
	Header  PlanHeader
	End     PlanEnd
	Parts   int // parts that have been analyzed
	partsOf []string
}

// EachImage calls fn with the row of each image of the plan, in the plan's order.
func (p *PlanFacts) EachImage(ctx context.Context, s source.Objects, fn func(*ImageRow) error) error {
	for _, part := range p.partsOf {
		if err := EachRow(ctx, s, TablePrefix(ImagesTable, p.ID)+part, fn); err != nil {
			return err
		}
	}
	return nil
}

// errNoPlan means that no images have been analyzed into the store.
var errNoPlan = errors.New("no plan has been analyzed into this store: run peel fleet index and peel fleet analyze first")

// FindPlan returns the digits of the plan in a store that begin with digits. For "", it returns
// those of the plan that was started last.
func FindPlan(ctx context.Context, s source.Objects, digits string) (string, error) {
	var found []string
	err := s.List(ctx, "plans/", func(name string, _ int64) error {
		id, ok := strings.CutSuffix(strings.TrimPrefix(name, "plans/"), ".ndjson")
		if ok && strings.HasPrefix(id, digits) {
			found = append(found, id)
		}
		return nil
	})
	switch {
	case err != nil:
		return "", err
	case len(found) == 0 && digits == "":
		return "", errNoPlan
	case len(found) == 0:
		return "", fmt.Errorf("no plan in the store begins with %q", digits)
	case len(found) > 1 && digits != "":
		return "", fmt.Errorf("%d plans in the store begin with %q: give more digits", len(found), digits)
	}
	newest, when := found[0], time.Time{}
	for _, id := range found {
		if len(found) == 1 {
			break
		}
		p, err := planFacts(ctx, s, id)
		if err != nil {
			return "", err
		}
		if p.Parts > 0 && p.Header.Made.After(when) {
			newest, when = id, p.Header.Made
		}
	}
	return newest, nil
}

// planFacts reads the first and the last line of a plan, and finds the parts that have been
// analyzed.
func planFacts(ctx context.Context, s source.Objects, id string) (PlanFacts, error) {
	p := PlanFacts{ID: id}
	var err error
	p.Header, p.End, err = planEnds(ctx, s, id)
	if err != nil {
		return p, fmt.Errorf("plan %s: %w", id, err)
	}
	prefix := TablePrefix(ImagesTable, id)
	err = s.List(ctx, prefix, func(name string, _ int64) error {
		p.partsOf = append(p.partsOf, strings.TrimPrefix(name, prefix))
		return nil
	})
	p.Parts = len(p.partsOf)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return p, err
}
