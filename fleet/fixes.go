package fleet

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"io"
	"os"

	"github.com/peelhq/peel/internal/draft"
	"github.com/peelhq/peel/source"
)

// fixRows is how many findings are summed at once. If a plan has more, they are split into
// temporary files by the hash of the fix, and the parts are summed one after another: the sums are
// exact, memory is bounded, and each finding is read once from the store.
const fixRows = 250_000

// maxFixParts limits the number of temporary files.
const maxFixParts = 256

// A fixKey identifies the findings that one change of a build fixes: the hash of the rule, the path
// and the build step (or, if that is unknown, the layer).
type fixKey uint64

// fixSum holds the counts for a fixKey. It has no text, which is read again for the few fixes that
// are shown.
type fixSum struct {
	part, row    int // of the first finding
	images       int64
	layers       int64
	saved, inAll int64
	lastImage    int64
}

// fixing finds the fixes that save most.
type fixing struct {
	s    source.Objects
	plan *PlanFacts
	seed maphash.Seed
	top  []rankedFix
}

type rankedFix struct {
	key fixKey
	fixSum
}

// topFixes returns the fixes that save most in a plan's images, each layer counted once.
// It leaves out findings that only another base image can fix, and fixes that save nothing. About
// atOnce findings are summed at once.
func topFixes(ctx context.Context, s source.Objects, plan *PlanFacts, atOnce int64) ([]Fix, error) {
	f := &fixing{s: s, plan: plan, seed: maphash.MakeSeed()}
	var rows int64
	for _, part := range plan.partsOf {
		t, err := OpenTable[FindingRow](ctx, s, f.table(part))
		if err != nil {
			return nil, err
		}
		rows += t.Len()
		if err := t.Close(); err != nil {
			return nil, err
		}
	}
	if rows <= atOnce {
		sums := newFixSums()
		if err := f.each(ctx, func(r *fixRecord) error { sums.add(r); return nil }); err != nil {
			return nil, err
		}
		f.keep(sums)
		return f.named(ctx)
	}
	if err := f.split(ctx, min(rows/atOnce+1, maxFixParts)); err != nil {
		return nil, err
	}
	return f.named(ctx)
}

// split sums the findings in n parts.
func (f *fixing) split(ctx context.Context, n int64) (err error) {
	parts := make([]*bufio.Writer, n)
	files := make([]*os.File, n)
	defer func() {
		for _, file := range files {
			if file != nil {
				err = errors.Join(err, file.Close())
			}
		}
	}()
	for i := range parts {
		if files[i], err = draft.Scratch(); err != nil {
			return err
		}
		parts[i] = bufio.NewWriterSize(files[i], 16<<10)
	}
	err = f.each(ctx, func(r *fixRecord) error {
		return binary.Write(parts[uint64(r.Key)%uint64(n)], binary.LittleEndian, r)
	})
	if err != nil {
		return err
	}
	for i, part := range parts {
		if err := part.Flush(); err != nil {
			return err
		}
		if _, err := files[i].Seek(0, io.SeekStart); err != nil {
			return err
		}
		sums := newFixSums()
		in := bufio.NewReaderSize(files[i], 64<<10)
		for {
			var r fixRecord
			err := binary.Read(in, binary.LittleEndian, &r)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			sums.add(&r)
		}
		f.keep(sums)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (f *fixing) table(part string) string { return TablePrefix(FindingsTable, f.plan.ID) + part }

// mends reports whether the build of a finding's image can fix it, and how.
func (f *fixing) mends(r *FindingRow) (fixKey, bool) {
	if r.OfBase || r.Bytes <= 0 {
		return 0, false
	}
	by := orZero(r.Step)
	if by == "" {
		by = orZero(r.Layer)
	}
	return fixKey(f.hash(r.Rule, orZero(r.Path), by)), true
}

func (f *fixing) hash(words ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(f.seed)
	for _, w := range words {
		_, _ = h.WriteString(w) // it never returns an error
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// A fixRecord is the part of a finding that is summed.
type fixRecord struct {
	Key          fixKey
	In           uint64 // hash of the layer, or, if that is unknown, the number of the image
	Image, Bytes int64
	Part, Row    int32 // the finding's place
}

// each calls fn with the findings that the build of their image can fix. The record is valid during
// the call.
func (f *fixing) each(ctx context.Context, fn func(*fixRecord) error) error {
	var to fixRecord
	for at, part := range f.plan.partsOf {
		row := int32(-1)
		err := EachRow(ctx, f.s, f.table(part), func(r *FindingRow) error {
			row++
			key, ok := f.mends(r)
			if !ok {
				return nil
			}
			to = fixRecord{Key: key, In: f.hash(orZero(r.Layer)), Image: r.Image, Bytes: r.Bytes, Part: int32(at), Row: row}
			if r.Layer == nil {
				to.In = uint64(r.Image)
			}
			return fn(&to)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fixSums sums findings by their fix.
type fixSums struct {
	sums map[fixKey]*fixSum
	seen map[fixPlace]struct{}
}

type fixPlace struct {
	key fixKey
	in  uint64
}

func newFixSums() *fixSums { return &fixSums{map[fixKey]*fixSum{}, map[fixPlace]struct{}{}} }

func (s *fixSums) add(r *fixRecord) {
	sum := s.sums[r.Key]
	if sum == nil {
		sum = &fixSum{part: int(r.Part), row: int(r.Row), lastImage: -1}
		s.sums[r.Key] = sum
	}
	sum.inAll += r.Bytes
	if sum.lastImage != r.Image { // an image's findings are adjacent
		sum.images++
		sum.lastImage = r.Image
	}
	place := fixPlace{r.Key, r.In}
	if _, again := s.seen[place]; !again {
		s.seen[place] = struct{}{}
		sum.layers++
		sum.saved += r.Bytes
	}
}

// keep adds the best of the sums to the best so far.
func (f *fixing) keep(s *fixSums) {
	for key, sum := range s.sums {
		f.top = keepTop(f.top, rankedFix{key, *sum}, summaryFixes, func(a, b *rankedFix) int {
			return cmp.Or(cmp.Compare(b.saved, a.saved), cmp.Compare(b.inAll, a.inAll), cmp.Compare(a.part, b.part), cmp.Compare(a.row, b.row))
		})
	}
}

// named reads the text of the fixes that save most.
func (f *fixing) named(ctx context.Context) ([]Fix, error) {
	fixes := make([]Fix, len(f.top))
	wanted := map[int]bool{}
	for _, t := range f.top {
		wanted[t.part] = true
	}
	for at, part := range f.plan.partsOf {
		if !wanted[at] {
			continue
		}
		row, images := -1, map[int64][]int{}
		err := EachRow(ctx, f.s, f.table(part), func(r *FindingRow) error {
			row++
			for i, t := range f.top {
				if t.part == at && t.row == row {
					fixes[i] = Fix{Finding: *r, Images: t.images, Layers: t.layers, Saved: t.saved, InAll: t.inAll}
					images[r.Image] = append(images[r.Image], i)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		err = EachRow(ctx, f.s, TablePrefix(ImagesTable, f.plan.ID)+part, func(r *ImageRow) error {
			for _, i := range images[r.Image] {
				fixes[i].Image = r.Name
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return fixes, nil
}
