package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
)

// How many rows of each kind a summary has.
const (
	summaryFixes  = 10
	summaryWorst  = 20
	summaryLayers = 20

	// maxGroups bounds the groups of one kind that are told apart: what comes after them
	// is summed up in the last one, which has no name.
	maxGroups = 50_000
)

// A SummaryChoice says what is summed up.
type SummaryChoice struct {
	Plan    string // the plan's digits, or a beginning of them; "": the newest
	Against string // an older plan, to show growth; "": none

	TeamLabel string // label whose value is an image's team; where it is missing, the path is
	TeamDepth int    // how many components of a repository's path, below its host, are its team
}

// A Summary is what the images of a plan come to. All sums are exact.
type Summary struct {
	Plan PlanFacts

	Images     int64 // of the plan that have figures
	Unreadable int64 // that cannot be read
	Waiting    int64 // that are not analyzed yet
	Damaged    int64 // images with layers that cannot be read, which count as empty
	Totals     Sums
	Layers     LayerSums

	Teams        []Group // the one that wastes most first
	Repositories []Group // likewise
	Worst        []ImageRow
	Fixes        []Fix // the one that saves most first
	Bases        []BaseUse
	Growth       *Growth // nil without an older plan
}

// PlanFacts are what a plan says of itself.
type PlanFacts struct {
	ID      string
	Header  PlanHeader
	End     PlanEnd
	Parts   int // that are analyzed
	partsOf []string
}

// Sums are sums over images, each of which counts its layers as its own.
type Sums struct {
	Layers, Entries              int64
	Stored, Visible, Wasted      int64 // bytes
	UserStored, UserWasted       int64
	BaseHidden                   int64
	Compressed, CompressedImages int64 // of the images whose layers are all compressed
}

// Efficiency is visible / stored; 1 when nothing is stored.
func (s *Sums) Efficiency() float64 { return share(s.Visible, s.Stored) }

// OwnEfficiency is 1 - what own layers waste / what they store; 1 when that is nothing.
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

// orZero is what p points to, and zero for nil: what is not known.
func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// LayerSums are sums over unique layers.
type LayerSums struct {
	Unique, Bytes       int64 // each layer once: what a registry stores
	Shared, SharedBytes int64 // of these, the layers that several images have
	Uses, UsedBytes     int64 // each layer as often as images have it: what would be stored without sharing
	Unreadable          int64 // layers that cannot be read
	Content             int64 // bytes of files in the unique layers, unpacked
	Index               int64 // bytes of the layers' indexes in the store

	Most []LayerRow // those that most bytes are shared of, bytes times images
}

// A Group is some images: a team, a repository.
type Group struct {
	Name   string // "": all others
	Team   string // of a repository: that of its first image
	Images int64
	Causes [causes]int64 // wasted bytes by cause, as analyze.Causes has them
	Sums
}

// causes is how many causes of waste there are.
const causes = 7

// causeIndex is the place of a cause in Group.Causes.
var causeIndex = sync.OnceValue(func() map[string]int {
	index := map[string]int{}
	for i, c := range analyze.Causes() {
		index[c.String()] = i
	}
	return index
})

// A Fix is one change of a build that resolves a finding in all images that have it.
type Fix struct {
	Finding FindingRow // of the first image that has it
	Image   string     // name of that image
	Images  int64      // that have it
	Layers  int64      // that have it, each counted once
	Saved   int64      // bytes, each layer counted once as in the first image that has it
	InAll   int64      // bytes, in each image anew
}

// A BaseUse is the images that stand on one base image, by its name.
type BaseUse struct {
	Name           string // "": unknown, or all others
	Images         int64
	Editions       int64     // different ones of that name
	Oldest, Newest time.Time // of the editions that are in use; zero if unknown
	OnOldest       int64     // images that stand on the oldest
	Stored         int64     // bytes that the editions' layers carry, each edition once
	Sure           bool      // no image's base is a guess
}

// Summarize reads the tables of a plan and sums them up. Its memory depends on how many
// groups there are, which is bounded, and not on the number of images.
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

// EachImage calls fn with the row of every image of the summary's plan, in the plan's order.
func (p *PlanFacts) EachImage(ctx context.Context, s source.Objects, fn func(*ImageRow) error) error {
	for _, part := range p.partsOf {
		if err := EachRow(ctx, s, TablePrefix(ImagesTable, p.ID)+part, fn); err != nil {
			return err
		}
	}
	return nil
}

// summing is a summary being made.
type summing struct {
	s      source.Objects
	choice SummaryChoice
	sum    Summary

	teams, repositories *groups
	bases               *bases
	ages                map[int64]baseAge // of the images of the part at hand
}

// A baseAge is what the layers of an image say of its base: the last of its layers.
type baseAge struct {
	layer   string
	created time.Time
	stored  int64
}

// part adds one part of the plan. Its layers come first: they say how old bases are.
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

// keepTop puts x into a sorted list of n elements at most.
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

// Team is the team of an image: the value of a label or, where the image lacks it, the
// first components of its repository's path, without the last one.
func Team(r *ImageRow, label string, depth int) string {
	if label != "" {
		if team := r.Labels[label]; team != "" {
			return team
		}
	}
	return pathTeam(r.Repository, depth)
}

func pathTeam(repository string, depth int) string {
	parts := strings.Split(repository, "/")
	return strings.Join(parts[:max(1, min(1+depth, len(parts)-1))], "/")
}

// groups are groups by name, at most maxGroups.
type groups struct {
	byName map[string]*Group
	others Group
}

func newGroups() *groups { return &groups{byName: map[string]*Group{}} }

func (g *groups) add(name, team string, r *ImageRow) {
	one := g.byName[name]
	if one == nil {
		if one = &g.others; name != "" && len(g.byName) < maxGroups {
			one = &Group{Name: strings.Clone(name), Team: strings.Clone(team)}
			g.byName[one.Name] = one
		}
	}
	one.Images++
	one.add(r)
	for _, c := range r.Causes {
		if i, ok := causeIndex()[c.Cause]; ok {
			one.Causes[i] += c.Bytes
		}
	}
}

func (g *groups) sorted() []Group {
	all := make([]Group, 0, len(g.byName)+1)
	for _, one := range g.byName {
		all = append(all, *one)
	}
	slices.SortFunc(all, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Wasted, a.Wasted), cmp.Compare(b.Stored, a.Stored), cmp.Compare(a.Name, b.Name))
	})
	if g.others.Images > 0 {
		all = append(all, g.others)
	}
	return all
}

// bases are base images by name, at most maxGroups, and their editions, as many.
type bases struct {
	byName   map[string]*BaseUse
	others   BaseUse
	editions map[edition]struct{}
}

// An edition is one base image by the last of its layers.
type edition struct{ name, layer string }

func newBases() *bases {
	return &bases{byName: map[string]*BaseUse{}, others: BaseUse{Sure: true}, editions: map[edition]struct{}{}}
}

func (b *bases) add(r *ImageRow, age baseAge) {
	name := orZero(r.BaseName)
	one := b.byName[name]
	if one == nil {
		if one = &b.others; name != "" && len(b.byName) < maxGroups {
			one = &BaseUse{Name: strings.Clone(name), Sure: true}
			b.byName[one.Name] = one
		}
	}
	one.Images++
	one.Sure = one.Sure && orZero(r.BaseSure)
	if age.layer == "" {
		return
	}
	e := edition{one.Name, age.layer}
	if _, seen := b.editions[e]; !seen && len(b.editions) < maxGroups {
		b.editions[e] = struct{}{}
		one.Editions++
		one.Stored += age.stored
	}
	switch made := age.created; {
	case made.IsZero():
	case one.Oldest.IsZero() || made.Before(one.Oldest):
		one.Oldest, one.OnOldest = made, 1
	case made.Equal(one.Oldest):
		one.OnOldest++
	}
	if age.created.After(one.Newest) {
		one.Newest = age.created
	}
}

func (b *bases) sorted() []BaseUse {
	all := make([]BaseUse, 0, len(b.byName)+1)
	for _, one := range b.byName {
		all = append(all, *one)
	}
	slices.SortFunc(all, func(a, b BaseUse) int {
		return cmp.Or(cmp.Compare(b.Images, a.Images), cmp.Compare(a.Name, b.Name))
	})
	if b.others.Images > 0 {
		all = append(all, b.others)
	}
	return all
}

// errNoPlan is the error of a store in which no images have been analyzed.
var errNoPlan = errors.New("no plan has been analyzed into this store: run peel fleet index and peel fleet analyze first")

// FindPlan returns the digits of the plan in a store that begin so or, for "", of the newest
// one, by when it was begun.
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

// planFacts reads the first and the last line of a plan, and which parts of it are analyzed.
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
