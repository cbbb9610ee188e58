package analyze

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/lazy"
	"github.com/peelhq/peel/source"
)

// line returns the line of the Dockerfile on which the step that made a layer begins.
func (x *fixer) line(layer int) (int, error) {
	l := x.ad.lines[layer]
	switch {
	case l == nil:
		return 0, fmt.Errorf("no step of the Dockerfile made layer %d", layer)
	case !l.Sure:
		return 0, fmt.Errorf("the step that made layer %d is not sure to be the one on line %d", layer, l.First)
	}
	return l.First, nil
}

// mostTried bounds how many edits are tried: each takes reading the Dockerfile.
const mostTried = 2000

// made returns an edition of edits, if the Dockerfile can be edited so.
func (x *fixer) made(c change, edits ...dockerfile.Edit) (*edition, error) {
	if x.tried++; x.tried > mostTried {
		return nil, errors.New("there are too many findings to try an edit for each")
	}
	if _, err := x.file.Edited(edits); err != nil {
		return nil, err
	}
	return &edition{edits, c}, nil
}

// mergeRuns makes one RUN of the steps from the lowest of the carriers that it can be
// made from up to the one to blame.
func (x *fixer) mergeRuns(carriers []int, by int) (*edition, error) {
	until, err := x.line(by)
	if err != nil {
		return nil, err
	}
	if x.word(by) != "RUN" {
		return nil, fmt.Errorf("a %s hides them: only you can tell which of the steps is needed", x.word(by))
	}
	var first error
	for _, from := range carriers {
		if from == by {
			break
		}
		line, err := x.line(from)
		if err == nil {
			var e *edition
			e, err = x.made(change{merge: []LayerRange{{from, by}}, gone: -1}, dockerfile.Edit{Kind: dockerfile.MergeRuns, Line: line, Until: until})
			if err == nil {
				return e, nil
			}
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = errNotByEdit
	}
	return nil, first
}

// A cacheRule says how a class of files is kept out of the image by the step that
// writes them.
type cacheRule struct {
	only    *lazy.Regexp // the directories for which it holds
	delete  []string     // what is deleted in the directory, as a shell has it; none: all of it
	tool    *lazy.Regexp // in a step's text: it reads and writes them
	program dockerfile.Program
	option  string       // that the program takes instead; "" if it has none
	unless  *lazy.Regexp // in the step's text: the option does not suffice
}

// cacheRules are for what nothing but the tool that wrote it reads again, by class. What a
// package manager needs later in the same image is not theirs alone: see reusing.
var cacheRules = map[string]cacheRule{
	"apt-lists": {only: lazy.New(`^/var/lib/apt/lists$`), delete: []string{"*"}, tool: lazy.New(`\bapt(?:-get|-cache|itude)?\s`)},
	"apt-cache": {only: lazy.New(`^/var/cache/apt$`), delete: []string{"archives/*.deb", "*.bin"}, tool: lazy.New(`\bapt(?:-get|-cache|itude)?\s`)},
	"apk-cache": {
		only: lazy.New(`^/var/cache/apk$`), delete: []string{"*"}, tool: lazy.New(`\bapk\s`),
		program: dockerfile.Apk, option: "--no-cache", unless: lazy.New(`\bapk\b[^;&|]*\b(?:update|upgrade)\b|--no-cache|--update`),
	},
	"dnf-cache":    {only: lazy.New(`^/var/cache/(?:dnf|yum|libdnf5)$`), delete: []string{"*"}, tool: lazy.New(`\b(?:micro)?(?:dnf5?|yum)\s`)},
	"zypper-cache": {only: lazy.New(`^/var/cache/zypp$`), delete: []string{"*"}, tool: lazy.New(`\bzypper\s`)},
	"pip-cache": {
		only: lazy.New(`/\.cache/pip$`), tool: lazy.New(`\bpip3?\s`),
		program: dockerfile.Pip, option: "--no-cache-dir", unless: lazy.New(`--no-cache-dir`),
	},
	"npm-cache":      {only: lazy.New(`/\.npm/_(?:cacache|logs)$|/\.cache/node-gyp$|/\.node-gyp$`), tool: lazy.New(`\b(?:npm|npx|node-gyp)\s`)},
	"yarn-cache":     {only: lazy.New(`/\.cache/yarn$`), tool: lazy.New(`\byarn\b`)},
	"composer-cache": {only: lazy.New(`/\.(?:composer/cache|cache/composer)$`), tool: lazy.New(`\bcomposer\b`)},
	"gem-cache":      {only: lazy.New(`/cache$`), tool: lazy.New(`\b(?:gem|bundle)\s`)},
}

// plainPath is one that a shell takes for itself without quotes.
var plainPath = lazy.New(`^/[A-Za-z0-9/._+-]+$`)

// mostRoots is how many directories one step is made to delete.
const mostRoots = 4

// leaveOutCache makes the steps that wrote files of a class keep them out of the image.
// by is the layer that hides them, that of the step itself for what shows. If merge says
// so, steps are made one where later ones use the files.
func (x *fixer) leaveOutCache(c class, carriers []int, by int, merge bool) (*edition, error) {
	about := c.about()
	rule, ok := cacheRules[about.id]
	if !ok {
		return nil, fmt.Errorf("a later step, or a program of the image, may read %s", about.what)
	}
	e := &edition{change: change{gone: -1}}
	for _, layer := range carriers {
		if x.word(layer) != "RUN" {
			return nil, fmt.Errorf("a %s brings them, not a command", x.word(layer))
		}
		last := x.reusing(&rule, layer, by)
		if last > layer && !merge {
			return nil, fmt.Errorf("the step of layer %d uses them", last)
		}
		if err := x.leaveOut(e, c, &rule, layer, last); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(carriers, by) && rule.tool.MatchString(x.ad.step(by).text) {
		e.change.covered, e.change.unwritten = x.hiddenBy(e.change.covered, by), x.hiddenBy(e.change.unwritten, by)
	}
	return x.made(e.change, e.edits...)
}

// hiddenBy returns those of versions that layer by or one below it hides. The others the
// step of by writes again, if it uses the cache and finds them missing.
func (x *fixer) hiddenBy(ids []int32, by int) []int32 {
	return slices.DeleteFunc(ids, func(i int32) bool {
		return i >= 0 && x.t.carried(i) > 0 && int(x.t.deadFrom(&x.t.versions[i])) > by
	})
}

// reusing returns the last layer below the one that hides a layer's files of a class whose
// step may read them, or write them again if they are missing: the layer itself if there is
// none.
func (x *fixer) reusing(rule *cacheRule, layer, by int) int {
	end := by
	if by == layer {
		end = len(x.t.layers)
	}
	last := layer
	for l := layer + 1; l < end; l++ {
		if rule.tool.MatchString(x.ad.step(l).text) {
			last = l
		}
	}
	return last
}

// leaveOut adds what keeps a layer's files of a class out of it. If a later step, last,
// uses them, the steps up to that one are made one, which deletes them at its end.
func (x *fixer) leaveOut(e *edition, c class, rule *cacheRule, layer, last int) error {
	line, err := x.line(layer)
	if err != nil {
		return err
	}
	roots, err := x.roots(c, layer, rule.only)
	if err != nil {
		return err
	}
	if last == layer && rule.option != "" && !rule.unless.MatchString(x.ad.step(layer).text) {
		edit := dockerfile.Edit{Kind: dockerfile.AddOption, Line: line, Program: rule.program, Text: rule.option}
		if _, err := x.file.Edited([]dockerfile.Edit{edit}); err == nil {
			e.edits = append(e.edits, edit)
			e.change.unwritten = append(e.change.unwritten, x.below(roots, layer, nil)...)
			return nil
		}
	}
	var targets []string
	for _, n := range roots {
		at := x.t.Path(n)
		if len(rule.delete) == 0 {
			targets = append(targets, at)
		}
		for _, glob := range rule.delete {
			targets = append(targets, at+"/"+glob)
		}
	}
	until, err := x.line(last)
	if err != nil {
		return err
	}
	if last > layer {
		e.edits = append(e.edits, dockerfile.Edit{Kind: dockerfile.MergeRuns, Line: line, Until: until})
		e.change.merge = append(e.change.merge, LayerRange{layer, last})
	}
	remove := dockerfile.Edit{Kind: dockerfile.AddCommand, Line: until, Text: "rm -rf " + strings.Join(targets, " ")}
	if _, err := x.file.Edited([]dockerfile.Edit{remove}); err != nil && last == layer && len(rule.delete) == 0 && x.newBuilder() {
		var flags []string
		for _, at := range targets {
			flags = append(flags, "--mount=type=cache,target="+at)
		}
		e.edits = append(e.edits, dockerfile.Edit{Kind: dockerfile.AddFlags, Line: line, Text: strings.Join(flags, " ")})
		e.change.unwritten = append(e.change.unwritten, x.below(roots, layer, nil)...)
		return nil
	}
	e.edits = append(e.edits, remove)
	for l := layer; l <= last; l++ {
		e.change.covered = append(e.change.covered, x.below(roots, l, rule.delete)...)
	}
	e.change.hides = append(e.change.hides, x.hidden(roots, last, rule.delete)...)
	return nil
}

// roots returns the highest directories of a class in which a layer has files.
func (x *fixer) roots(c class, layer int, only *lazy.Regexp) ([]NodeID, error) {
	t := x.t
	var roots []NodeID
	seen := map[NodeID]bool{}
	for _, i := range x.versionsOf(layer) {
		n := t.versions[i].node
		if x.ad.classes[n] != c || t.versions[i].change == Removed {
			continue
		}
		for x.ad.classes[t.nodes[n].parent] == c {
			n = t.nodes[n].parent
		}
		if seen[n] {
			continue
		}
		seen[n] = true
		at := t.Path(n)
		if !only.MatchString(at) {
			if t.carried(i) > 0 {
				return nil, fmt.Errorf("a program of the image may read %s", gapped(at))
			}
			continue
		}
		if !plainPath.MatchString(at) || len(roots) == mostRoots {
			return nil, fmt.Errorf("there are several of them, or their names are odd: %s", gapped(at))
		}
		roots = append(roots, n)
	}
	if len(roots) == 0 {
		return nil, errNotByEdit
	}
	return roots, nil
}

// below returns a layer's versions at and below nodes; with globs, only those that "rm -rf
// NODE/GLOB" deletes.
func (x *fixer) below(roots []NodeID, layer int, globs []string) []int32 {
	t := x.t
	var ids []int32
	for _, i := range x.versionsOf(layer) {
		if t.versions[i].change == Removed {
			continue
		}
		n, depth := t.versions[i].node, 0
		for ; n != Root && !slices.Contains(roots, n); n = t.nodes[n].parent {
			depth++
		}
		if n == Root || len(globs) > 0 && !deletes(globs, t.Path(t.versions[i].node)[len(t.Path(n)):]) {
			continue
		}
		ids = append(ids, i)
	}
	return ids
}

// hidden returns what "rm -rf" in a layer's step deletes of the layers below it.
func (x *fixer) hidden(roots []NodeID, layer int, globs []string) []hide {
	t := x.t
	var hides []hide
	for _, root := range roots {
		start := len(t.Path(root))
		for stack := []NodeID{root}; len(stack) > 0; {
			n := stack[len(stack)-1]
			stack = append(stack[:len(stack)-1], t.Children(n)...)
			if t.at(n, layer-1) != none && (len(globs) == 0 || deletes(globs, t.Path(n)[start:])) {
				hides = append(hides, hide{n, layer})
			}
		}
	}
	return hides
}

// deletes reports whether "rm -rf" of one of some globs deletes what has a path below their
// directory: "/archives/x.deb". A "*" in a glob is not for what begins with a dot.
func deletes(globs []string, rest string) bool {
	parts := strings.Split(strings.TrimPrefix(rest, "/"), "/")
	for _, glob := range globs {
		want := strings.Split(glob, "/")
		fits := rest != "" && len(want) <= len(parts)
		for i := 0; fits && i < len(want); i++ {
			ok, err := path.Match(want[i], parts[i])
			fits = ok && err == nil && (!strings.HasPrefix(want[i], "*") || !strings.HasPrefix(parts[i], "."))
		}
		if fits {
			return true
		}
	}
	return false
}

// nothingRuns reports whether no command runs between the steps of two layers.
func (x *fixer) nothingRuns(from, to int) bool {
	for l := from + 1; l < to; l++ {
		if !copies(x.word(l)) {
			return false
		}
	}
	return true
}

// copyWith makes a COPY set the owner and the mode that a RUN behind it sets.
func (x *fixer) copyWith(from, by int) (*edition, error) {
	copied, err := x.line(from)
	if err != nil {
		return nil, err
	}
	run, err := x.line(by)
	if err != nil {
		return nil, err
	}
	word := x.word(from)
	switch {
	case x.word(by) != "RUN" || !x.file.OnlyRuns(run, "chmod", "chown", "chgrp"):
		return nil, errors.New("the step that changes them does more than that")
	case !x.nothingRuns(from, by):
		return nil, errors.New("a command runs between the steps, and may see the files as they are there")
	case strings.Contains(x.file.Flags(copied), "--chown") || strings.Contains(x.file.Flags(copied), "--chmod"):
		return nil, fmt.Errorf("the %s on line %d sets an owner or a mode already", word, copied)
	}
	m := metadataOf{x: x, from: from, by: by}
	if err := m.collect(); err != nil {
		return nil, err
	}
	flags, err := m.flags(word)
	if err != nil {
		return nil, err
	}
	c := change{unwritten: x.versionsOf(by), gone: by}
	return x.made(c, dockerfile.Edit{Kind: dockerfile.AddFlags, Line: copied, Text: flags}, dockerfile.Edit{Kind: dockerfile.DropStep, Line: run})
}

// metadataOf compares what a COPY made with what a later RUN made of it.
type metadataOf struct {
	x        *fixer
	from, by int
	changed  attributes
	owner    agreed[[2]int64] // of all that the COPY made, in the end
	mode     agreed[uint32]   // of all but symbolic links
	symbolic bool             // u=rwX,go=rX gives all of them their modes
	dirs     bool             // the COPY made directories
}

// collect goes through both layers. The error says why the RUN is not just about
// what the COPY made.
func (m *metadataOf) collect() error {
	t := m.x.t
	final := map[NodeID]int32{}
	for _, i := range m.x.versionsOf(m.by) {
		v := &t.versions[i]
		if v.flags&implied != 0 {
			continue
		}
		from, _ := t.versionRange(v.node)
		now, ok := t.attributes(i)
		if v.change == Removed || v.flags&duplicate != 0 || i == from || !ok {
			return fmt.Errorf("the step of layer %d also changes %s", m.by, t.pathText(v.node))
		}
		before, known := t.attributes(i - 1)
		set := attributesIn(&before, &now)
		switch {
		case v.kind == source.Dir && known && set&^timeChanged == 0: // written along with what lies below
			continue
		case int(t.versions[i-1].layer) != m.from || !known || v.kind != source.Dir && v.change != Metadata && v.change != Identical:
			return fmt.Errorf("the step of layer %d also changes %s, which layer %d does not bring", m.by, t.pathText(v.node), m.from)
		case set&^(ownerChanged|modeChanged) != 0:
			return fmt.Errorf("the step of layer %d changes more of %s than its owner and mode", m.by, t.pathText(v.node))
		}
		m.changed |= set
		final[v.node] = i
	}
	m.symbolic = true
	for _, i := range m.x.versionsOf(m.from) {
		m.made(i, final)
	}
	return nil
}

// made notes what becomes of something that the COPY made.
func (m *metadataOf) made(i int32, final map[NodeID]int32) {
	t := m.x.t
	v := &t.versions[i]
	first, _ := t.versionRange(v.node)
	if v.change == Removed || v.kind == source.Dir && (i != first && t.versions[i-1].change != Removed || v.flags&implied != 0) {
		return // a directory that was there is left as it is
	}
	before, _ := t.attributes(i)
	now := before
	if at, ok := final[v.node]; ok {
		now, _ = t.attributes(at)
	}
	m.owner.add([2]int64{now.UID, now.GID})
	if v.kind == source.Symlink {
		return
	}
	m.mode.add(now.Mode)
	want := uint32(0o644)
	if v.kind == source.Dir {
		m.dirs = true
		want = 0o755
	} else if before.Mode&0o111 != 0 {
		want = 0o755
	}
	m.symbolic = m.symbolic && now.Mode == want
}

// flags are those of COPY that do what the RUN does.
func (m *metadataOf) flags(word string) (string, error) {
	var flags []string
	if m.changed&ownerChanged != 0 {
		owner := m.owner.text(ownerText)
		if owner == "" {
			return "", fmt.Errorf("not all that the %s brings gets the same owner", word)
		}
		flags = append(flags, "--chown"+owner)
	}
	if m.changed&modeChanged != 0 {
		mode := m.mode.text(human.Permissions)
		switch {
		case !m.x.newBuilder():
			return "", fmt.Errorf("%s --chmod needs BuildKit, and nothing tells that the image was built by it", word)
		case mode != "" && (!m.dirs || m.mode.value == 0o755):
			flags = append(flags, "--chmod"+mode)
		case m.symbolic && !m.dirs && m.x.file.Knows(symbolicSince):
			flags = append(flags, "--chmod=u=rwX,go=rX")
		default:
			return "", fmt.Errorf("not all that the %s brings gets the same mode", word)
		}
	}
	if len(flags) == 0 {
		return "", errNotByEdit
	}
	return strings.Join(flags, " "), nil
}

// symbolicSince is the version 1.x of the Dockerfile's syntax from which on COPY --chmod
// takes letters.
// Source: the Dockerfile reference, "COPY --chmod".
const symbolicSince = 14

// newBuilder reports whether the image was built by BuildKit, or the Dockerfile asks
// for it.
func (x *fixer) newBuilder() bool {
	if x.file.Knows(0) {
		return true
	}
	for _, s := range x.ad.a.Image.History {
		if strings.Contains(s.Command, "# buildkit") || strings.HasPrefix(s.Comment, "buildkit.") {
			return true
		}
	}
	return x.ad.a.Image.Provenance != nil
}

// movesOne is a command that moves one file.
var movesOne = lazy.New(`^RUN\s+mv\s+(?:-f\s+)?(/[A-Za-z0-9/._+-]+)\s+(/[A-Za-z0-9/._+-]+)$`)

// copyTo makes a COPY of one file put it where a RUN behind it moves it.
func (x *fixer) copyTo(from, by int) (*edition, error) {
	copied, err := x.line(from)
	if err != nil {
		return nil, err
	}
	run, err := x.line(by)
	if err != nil {
		return nil, err
	}
	m := movesOne.FindStringSubmatch(strings.Join(strings.Fields(x.ad.step(by).text), " "))
	if m == nil || !x.nothingRuns(from, by) {
		return nil, errors.New("the step that moves them does more than that, or a command runs before it")
	}
	old, to := none, none
	t := x.t
	for _, layer := range []int{from, by} {
		for _, i := range x.versionsOf(layer) {
			v := &t.versions[i]
			first, _ := t.versionRange(v.node)
			switch {
			case v.kind == source.Dir && v.change != Removed && i > first && t.versions[i-1].change != Removed:
			case layer == from && old == none && v.kind == source.File:
				old = int(v.node)
			case layer == by && v.change == Removed && int(v.node) == old:
			case layer == by && to == none && v.kind == source.File && v.change == Added:
				to = int(v.node)
			default:
				return nil, fmt.Errorf("the steps also change %s", t.pathText(v.node))
			}
		}
	}
	if old == none || to == none || t.Path(NodeID(old)) != m[1] {
		return nil, errors.New("the steps do more than bring one file and move it")
	}
	target := t.Path(NodeID(to))
	if !plainPath.MatchString(target) {
		return nil, errNotByEdit
	}
	c := change{unwritten: x.versionsOf(by), gone: by}
	return x.made(c, dockerfile.Edit{Kind: dockerfile.SetTarget, Line: copied, Text: target}, dockerfile.Edit{Kind: dockerfile.DropStep, Line: run})
}

// ignored returns the lines of .dockerignore that keep a finding's files out of a COPY.
func (x *fixer) ignored(f *Finding, from *findingSource) []string {
	carriers := x.carriers(from)
	if len(carriers) != 1 || !copies(x.word(carriers[0])) || !from.shows && from.key.cause != Deleted {
		return nil
	}
	if names := from.key.class.about().names; len(names) > 0 {
		var lines []string
		for _, name := range names {
			lines = append(lines, "**/"+name)
		}
		return lines
	}
	words := strings.Fields(x.ad.step(carriers[0]).text)
	if len(words) != 3 || words[1] != "." || !strings.HasPrefix(words[2], "/") {
		return nil
	}
	rest, ok := strings.CutPrefix(f.Path, strings.TrimSuffix(words[2], "/")+"/")
	if !ok || !plainPath.MatchString("/"+rest) {
		return nil
	}
	return []string{rest}
}

// editKey tells edits apart.
func editKey(edits []dockerfile.Edit) string {
	var b strings.Builder
	for _, e := range edits {
		fmt.Fprintf(&b, "%d %d %d %d %q\n", e.Kind, e.Line, e.Until, e.Program, e.Text)
	}
	return b.String()
}
