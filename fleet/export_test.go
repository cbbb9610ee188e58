package fleet

import (
	"context"

	"github.com/peelhq/peel/source"
)

// TopFixes is topFixes for a plan's digest.
func TopFixes(ctx context.Context, s source.Objects, plan string, atOnce int64) ([]Fix, error) {
	facts, err := planFacts(ctx, s, plan)
	if err != nil {
		return nil, err
	}
	return topFixes(ctx, s, &facts, atOnce)
}
