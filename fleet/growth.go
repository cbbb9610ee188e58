package fleet

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/peelhq/peel/source"
)

// A Growth is the change from an older plan to this one.
type Growth struct {
	From PlanFacts

	Images            int64 // how many more there are than before; negative: fewer
	New, NewBytes     int64 // unique layers that the older plan lacks
	Gone, GoneBytes   int64 // unique layers that only the older plan has
	Same, SameBytes   int64 // in both
	Teams             []GrownGroup
	Repositories      []GrownGroup
	teams, repository map[string]*GrownGroup
}

// A GrownGroup sums up the new and gone layers of a group, by the first image that has them.
type GrownGroup struct {
	Name            string // "": all others
	New, NewBytes   int64
	Gone, GoneBytes int64
}

// growth compares the layers of two plans. Both are sorted by digest, so it holds neither in
// memory.
func growth(ctx context.Context, s source.Objects, choice SummaryChoice, sum *Summary) (*Growth, error) {
	id, err := FindPlan(ctx, s, choice.Against)
	if err != nil {
		return nil, err
	}
	g := &Growth{teams: map[string]*GrownGroup{}, repository: map[string]*GrownGroup{}}
	if g.From, err = planFacts(ctx, s, id); err != nil {
		return nil, err
	}
	g.Images = sum.Plan.End.Images - g.From.End.Images
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	older := layersOf(ctx, s, id)
	newer := layersOf(ctx, s, sum.Plan.ID)
	a, b := older.next(), newer.next()
	for a != nil || b != nil {
		switch order := orderOf(a, b); {
		case order < 0:
			g.count(a, choice.TeamDepth, false)
			a = older.next()
		case order > 0:
			g.count(b, choice.TeamDepth, true)
			b = newer.next()
		default:
			g.Same++
			g.SameBytes += b.Bytes
			a, b = older.next(), newer.next()
		}
	}
	if err := errors.Join(older.err, newer.err); err != nil {
		return nil, err
	}
	g.Teams, g.Repositories = grown(g.teams), grown(g.repository)
	return g, nil
}

// orderOf compares two layers; nil is after the last one.
func orderOf(a, b *PlanLayer) int {
	switch {
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return cmp.Compare(a.Layer, b.Layer)
}

// count counts a layer that only one plan has.
func (g *Growth) count(l *PlanLayer, depth int, isNew bool) {
	repository := repositoryOf(l.From)
	groups := []*GrownGroup{grownGroup(g.teams, pathTeam(repository, depth)), grownGroup(g.repository, repository)}
	if isNew {
		g.New++
		g.NewBytes += l.Bytes
		for _, one := range groups {
			one.New++
			one.NewBytes += l.Bytes
		}
		return
	}
	g.Gone++
	g.GoneBytes += l.Bytes
	for _, one := range groups {
		one.Gone++
		one.GoneBytes += l.Bytes
	}
}

func grownGroup(all map[string]*GrownGroup, name string) *GrownGroup {
	if all[name] == nil && len(all) >= maxGroups {
		name = ""
	}
	one := all[name]
	if one == nil {
		one = &GrownGroup{Name: strings.Clone(name)}
		all[one.Name] = one
	}
	return one
}

// grown returns the groups, the one that grew most first.
func grown(all map[string]*GrownGroup) []GrownGroup {
	out := make([]GrownGroup, 0, len(all))
	for _, one := range all {
		out = append(out, *one)
	}
	slices.SortFunc(out, func(a, b GrownGroup) int {
		return cmp.Or(cmp.Compare(b.NewBytes-b.GoneBytes, a.NewBytes-a.GoneBytes), cmp.Compare(b.NewBytes, a.NewBytes), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// repositoryOf returns the HOST/REPOSITORY of a reference: without scheme, tag and digest.
func repositoryOf(reference string) string {
	if _, rest, ok := strings.Cut(reference, "://"); ok {
		reference = rest
	}
	reference, _, _ = strings.Cut(reference, "@")
	if i := strings.LastIndexByte(reference, ':'); i > strings.LastIndexByte(reference, '/') {
		reference = reference[:i]
	}
	return reference
}

// A layerQueue returns the layers of a plan one by one.
type layerQueue struct {
	layers chan PlanLayer
	done   chan error
	err    error
}

// layersOf starts reading the layers of a plan. Reading ends with ctx.
func layersOf(ctx context.Context, s source.Objects, id string) *layerQueue {
	q := &layerQueue{layers: make(chan PlanLayer, 64), done: make(chan error, 1)}
	go func() {
		defer close(q.layers)
		q.done <- eachLayer(ctx, s, id, func(l *PlanLayer) error {
			select {
			case q.layers <- *l:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	return q
}

// eachLayer calls fn with the layers of a plan in a store.
func eachLayer(ctx context.Context, s source.Objects, id string, fn func(*PlanLayer) error) (err error) {
	p, err := StoredPlan(ctx, s, id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return p.Each(ctx, nil, fn)
}

// next returns the next layer, or nil after the last one or an error, which is then in q.err.
func (q *layerQueue) next() *PlanLayer {
	l, more := <-q.layers
	if !more {
		if q.done != nil {
			q.err = <-q.done
			q.done = nil
		}
		return nil
	}
	return &l
}
