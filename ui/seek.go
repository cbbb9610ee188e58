package ui

import (
	"context"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// A direction selects a match.
type direction uint8

const (
	nearest  direction = iota // at the cursor or after it; for a fuzzy search, the best
	forward                   // after the cursor; for a fuzzy search, the next best
	backward                  // before it
)

// matches are the matches of a query in the tree and in a view of it. They are computed on
// first use, and valid for that query and view.
type matches struct {
	tree   *analyze.Tree
	found  *analyze.Found
	view   *analyze.View
	set    *analyze.Set
	ranked []analyze.NodeID // for a fuzzy query, best first
}

// in computes the missing parts of the matches of q in a view.
func (x matches) in(ctx context.Context, t *analyze.Tree, q analyze.Query, v *analyze.View) (matches, error) {
	var err error
	if x.found == nil || x.tree != t || x.found.Query() != q {
		x = matches{tree: t}
		if x.found, err = t.Find(ctx, q); err != nil {
			return matches{}, err
		}
	}
	if x.view == v {
		return x, nil
	}
	x.view = v
	if x.set, err = x.found.In(ctx, v); err != nil {
		return matches{}, err
	}
	x.ranked = nil
	if q.Fuzzy && q.Text != "" {
		x.ranked = x.found.Ranked(x.set)
	}
	return x, nil
}

// cancel cancels the current search.
func (s *search) cancel() {
	s.seq++
	s.busy = false
	if s.stop != nil {
		s.stop()
	}
}

// seek searches in a direction, from the cursor or, while the query is typed, from where the
// search began. It cancels a search in progress.
func (e *explorer) seek(d direction) tea.Cmd {
	s, f := &e.search, &e.files
	busy := s.busy
	s.cancel()
	s.busy = busy
	ctx, stop := context.WithCancel(e.h.context())
	s.stop = stop
	from := f.anchor
	if e.typed != nil {
		e.typed.result, from = nil, e.typed.from.files.node
	}
	job := seekJob{e: e, t: e.a.Tree, from: from, to: d, query: s.query, known: s.found, request: f.request}
	if f.spec == f.request.spec && f.view.Tree() == e.a.Tree && sameFilter(f.view, f.request.filter) {
		job.view = f.view
	}
	if f.request.flat {
		job.flat = f.rows.flat
	}
	return seekCmd(ctx, stop, s.seq, job)
}

// sameFilter reports whether a view is the result of a filter.
func sameFilter(v *analyze.View, f analyze.Filter) bool {
	was, _ := v.Filtered()
	return was.String() == f.String()
}

// A seekJob has the parameters of a search.
type seekJob struct {
	e       *explorer // the explorer that gets the result
	t       *analyze.Tree
	view    *analyze.View // to search; nil if it must first be made from the request
	request rowsRequest
	from    analyze.NodeID
	to      direction
	query   analyze.Query
	known   matches   // of the last search; they may still be valid
	flat    *flatList // the rows, if they are a flat list; else nil
}

// do runs the search.
func (j seekJob) do(ctx context.Context) (foundMsg, error) {
	msg := foundMsg{e: j.e, query: j.query, from: j.to}
	var err error
	if j.view == nil {
		if j.view, err = (&viewCache{}).view(ctx, j.t, &j.request); err != nil {
			return msg, err
		}
	}
	if msg.matches, err = j.known.in(ctx, j.t, j.query, j.view); err != nil {
		return msg, err
	}
	if j.flat != nil {
		msg.ranked = slices.DeleteFunc(slices.Clone(msg.ranked), func(n analyze.NodeID) bool { return !j.flat.has(n) })
	}
	msg.n = msg.set.Len()
	msg.outside = msg.found.Len() - msg.n
	switch {
	case msg.n == 0:
	case j.query.Fuzzy && j.flat != nil:
		if msg.n = len(msg.ranked); msg.n > 0 {
			j.byRank(&msg)
		}
	case j.query.Fuzzy:
		j.byRank(&msg)
	case j.flat != nil:
		j.byPlace(&msg)
	default:
		j.byPosition(&msg)
	}
	return msg, nil
}

// byPosition selects a match by the order of the rows.
func (j seekJob) byPosition(msg *foundMsg) {
	w := walk{t: j.t, view: j.view, set: msg.set, order: j.request.order}
	switch {
	case j.to == nearest && msg.set.Has(j.from):
		msg.at = j.from
	case j.to == backward:
		msg.at, msg.wrapped = w.prior(j.from)
	default:
		msg.at, msg.wrapped = w.next(j.from)
	}
	msg.nth = w.position(msg.at)
}

// byRank selects a match by its quality.
func (j seekJob) byRank(msg *foundMsg) {
	at := slices.Index(msg.ranked, j.from)
	switch last := len(msg.ranked) - 1; {
	case j.to == nearest || at < 0:
		at = 0
	case j.to == forward:
		at++
		if msg.wrapped = at > last; msg.wrapped {
			at = 0
		}
	default:
		at--
		if msg.wrapped = at < 0; msg.wrapped {
			at = last
		}
	}
	msg.at, msg.nth = msg.ranked[at], at+1
}

// seekCmd searches off the event loop.
func seekCmd(ctx context.Context, stop context.CancelFunc, seq int, j seekJob) tea.Cmd {
	j.request.opened, j.request.filtered = opened{}, opened{} // they belong to the event loop
	return func() tea.Msg {
		defer stop()
		msg, err := j.do(ctx)
		msg.seq, msg.err = seq, err
		return msg
	}
}
