package fleet

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/peelhq/peel/analyze"
)

// A Group is some images: a team, a repository.
type Group struct {
	Name   string // "" for all others
	Team   string // of a repository: the team of its first image
	Images int64
	Causes [causes]int64 // wasted bytes by cause, in the order of analyze.Causes
	Sums
}

// causes is the number of causes of waste.
const causes = 7

// causeIndex returns the index of each cause in Group.Causes.
var causeIndex = sync.OnceValue(func() map[string]int {
	index := map[string]int{}
	for i, c := range analyze.Causes() {
		index[c.String()] = i
	}
	return index
})

// A BaseUse describes the use of one base image, by its name.
type BaseUse struct {
	Name           string // "" if unknown, or for all others
	Images         int64
	Editions       int64     // different images of that name
	Oldest, Newest time.Time // of the editions in use; zero if unknown
	OnOldest       int64     // images built on the oldest
	Stored         int64     // bytes in the editions' layers, each edition once
	Sure           bool      // false if the base of an image is a guess
}

// A baseAge describes an image's base by the last of its layers.
type baseAge struct {
	layer   string
	created time.Time
	stored  int64
}

// Team returns an image's team: the value of a label or, without that label, the first components
// of its repository's path, never the last one.
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

// bases are base images by name, and their editions, at most maxGroups of each.
type bases struct {
	byName   map[string]*BaseUse
	others   BaseUse
	editions map[edition]struct{}
}

// An edition is one version of a base image, named by the last of its layers.
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
