package fleet

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/peelhq/peel/source"
)

// How many rows of each kind a summary has.
const (
	summaryFixes  = 10
	summaryWorst  = 20
	summaryLayers = 20

	// maxGroups is the maximum number of groups of one kind. All further ones are added up in one
	// group without a name.
	maxGroups = 50_000
)

// A SummaryChoice says what to sum up.
type SummaryChoice struct {
	Plan    string // the plan's digits, or the first of them; "" for the newest
	Against string // an older plan, to show growth; "" for none

	TeamLabel string // the label that names an image's team; images without it use their path
	TeamDepth int    // the number of components of a repository's path, below its host, that name its team
}

// A Summary sums up the images of a plan. All sums are exact.
type Summary struct {
	Plan PlanFacts

	Images     int64 // images of the plan with figures
	Unreadable int64 // images that can't be read
	Waiting    int64 // images that haven't been analyzed yet
	Damaged    int64 // images with layers that can't be read; these layers count as empty
	Totals     Sums
	Layers     LayerSums

	Teams        []Group // most wasteful first
	Repositories []Group // likewise
	Worst        []ImageRow
	Fixes        []Fix // largest saving first
	Bases        []BaseUse
	Growth       *Growth // nil without an older plan
}

// Sums are sums over images. A layer counts once for each image that has it.
type Sums struct {
	Layers, Entries              int64
	Stored, Visible, Wasted      int64 // bytes
	UserStored, UserWasted       int64
	BaseHidden                   int64
	Compressed, CompressedImages int64 // only images whose layers are all compressed
}

// Efficiency returns visible / stored, or 1 if nothing is stored.
func (s *Sums) Efficiency() float64 { return share(s.Visible, s.Stored) }

// OwnEfficiency returns 1 - wasted / stored of the images' own layers, or 1 if they store nothing.
func (s *Sums) OwnEfficiency() float64 { return share(s.UserStored-s.UserWasted, s.UserStored) }

func share(part, whole int64) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

func (s *Sums) add(r *ImageRow) {
	s.Layers += orZero(r.Layers)
	s.Entries += orZero(r.Entries)
	s.Stored += orZero(r.StoredBytes)
	s.Visible += orZero(r.VisibleBytes)
	s.Wasted += orZero(r.WastedBytes)
	s.UserStored += orZero(r.UserStoredBytes)
	s.UserWasted += orZero(r.UserWastedBytes)
	s.BaseHidden += orZero(r.BaseHiddenBytes)
	if r.CompressedBytes != nil {
		s.Compressed += *r.CompressedBytes
		s.CompressedImages++
	}
}

// orZero returns what p points to, or zero for nil, which means unknown.
func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// LayerSums are sums over unique layers.
type LayerSums struct {
	Unique, Bytes       int64 // each layer counts once: what a registry stores
	Shared, SharedBytes int64 // those that several images have
	Uses, UsedBytes     int64 // each layer counts once per image: what a registry would store without sharing
	Unreadable          int64 // layers that can't be read
	Content             int64 // bytes of files in the unique layers, unpacked
	Index               int64 // bytes of the layers' indexes in the store

	Most []LayerRow // the most shared, by bytes times images
}

// A Fix is a change to a build that resolves a finding in all images that have it.
type Fix struct {
	Finding FindingRow // of the first image that has it
	Image   string     // name of that image
	Images  int64      // images with the finding
	Layers  int64      // layers with the finding, each counted once
	Saved   int64      // bytes; each layer counts once, as in the first image with the finding
	InAll   int64      // bytes; each layer counts once per image
}

// Summarize reads the tables of a plan and sums them up. Its memory use depends on the number of
// groups, which is bounded, and not on the number of images.
func Summarize(ctx context.Context, s source.Objects, choice SummaryChoice) (*Summary, error) {
	id, err := FindPlan(ctx, s, choice.Plan)
	if err != nil {
		return nil, err
	}
	z := &summing{s: s, choice: choice, teams: newGroups(), repositories: newGroups(), bases: newBases()}
	if z.sum.Plan, err = planFacts(ctx, s, id); err != nil {
		return nil, err
	}
	for _, part := range z.sum.Plan.partsOf {
		if err := z.part(ctx, part); err != nil {
			return nil, err
		}
	}
	z.sum.Waiting = max(0, z.sum.Plan.End.Images-z.sum.Images-z.sum.Unreadable)
	z.sum.Teams, z.sum.Repositories, z.sum.Bases = z.teams.sorted(), z.repositories.sorted(), z.bases.sorted()
	if z.sum.Fixes, err = topFixes(ctx, s, &z.sum.Plan, fixRows); err != nil {
		return nil, err
	}
	if choice.Against != "" {
		if z.sum.Growth, err = growth(ctx, s, choice, &z.sum); err != nil {
			return nil, err
		}
	}
	return &z.sum, nil
}

// summing is a summary in progress.
type summing struct {
	s      source.Objects
	choice SummaryChoice
	sum    Summary

	teams, repositories *groups
	bases               *bases
	ages                map[int64]baseAge // of the images in the current part
}

// part adds one part of the plan. It reads the layers first, which have the ages of bases.
func (z *summing) part(ctx context.Context, part string) error {
	z.ages = map[int64]baseAge{}
	table := func(name string) string { return TablePrefix(name, z.sum.Plan.ID) + part }
	err := EachRow(ctx, z.s, table(ImageLayersTable), func(r *ImageLayerRow) error {
		if r.Base {
			age := z.ages[r.Image]
			age.layer = strings.Clone(r.Layer)
			age.stored += orZero(r.StoredBytes)
			if r.Created != nil {
				age.created = time.UnixMilli(*r.Created).UTC()
			}
			z.ages[r.Image] = age
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := EachRow(ctx, z.s, table(ImagesTable), z.image); err != nil {
		return err
	}
	return EachRow(ctx, z.s, table(LayersTable), z.layer)
}

func (z *summing) image(r *ImageRow) error {
	if r.Error != nil {
		z.sum.Unreadable++
		return nil
	}
	z.sum.Images++
	if orZero(r.UnreadableLayers) > 0 {
		z.sum.Damaged++
	}
	z.sum.Totals.add(r)
	team := Team(r, z.choice.TeamLabel, z.choice.TeamDepth)
	z.teams.add(team, "", r)
	z.repositories.add(r.Repository, team, r)
	z.bases.add(r, z.ages[r.Image])
	z.sum.Worst = keepTop(z.sum.Worst, *r, summaryWorst, func(a, b *ImageRow) int {
		return cmp.Or(cmp.Compare(orZero(b.WastedBytes), orZero(a.WastedBytes)), cmp.Compare(a.Image, b.Image))
	})
	return nil
}

func (z *summing) layer(r *LayerRow) error {
	l := &z.sum.Layers
	l.Unique++
	l.Bytes += r.Bytes
	l.Uses += r.Images
	l.UsedBytes += r.Bytes * r.Images
	l.Content += orZero(r.Content)
	l.Index += orZero(r.Index)
	if r.Error != nil {
		l.Unreadable++
	}
	if r.Images > 1 {
		l.Shared++
		l.SharedBytes += r.Bytes
		l.Most = keepTop(l.Most, *r, summaryLayers, func(a, b *LayerRow) int {
			return cmp.Or(cmp.Compare(b.Bytes*b.Images, a.Bytes*a.Images), cmp.Compare(a.Layer, b.Layer))
		})
	}
	return nil
}

// keepTop inserts x into a sorted list of at most n elements.
func keepTop[T any](top []T, x T, n int, order func(a, b *T) int) []T {
	at, _ := slices.BinarySearchFunc(top, x, func(a, b T) int { return order(&a, &b) })
	if at == n {
		return top
	}
	if len(top) == n {
		top = top[:n-1]
	}
	return slices.Insert(top, at, x)
}
