package analyze

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/lazy"
	"github.com/peelhq/peel/source"
)

// copyWith makes a COPY set the owner and the mode that a later RUN sets.
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
	if err := x.onlyHere(copied); err != nil {
		return nil, err
	}
	m := metadataOf{x: x, from: from, by: by, word: word}
	if err := m.collect(); err != nil {
		return nil, err
	}
	flags, err := m.flags()
	if err != nil {
		return nil, err
	}
	set := dockerfile.Edit{Kind: dockerfile.AddFlags, Line: copied, Text: flags}
	if len(m.kept) == 0 {
		c := change{unwritten: x.versionsOf(by), gone: by}
		return x.made(c, set, dockerfile.Edit{Kind: dockerfile.DropStep, Line: run})
	}
	command, err := m.keep(run)
	if err != nil {
		return nil, err
	}
	c := change{gone: -1}
	for _, i := range x.versionsOf(by) {
		if !slices.Contains(m.kept, x.t.versions[i].node) {
			c.unwritten = append(c.unwritten, i)
		}
	}
	return x.made(c, set, dockerfile.Edit{Kind: dockerfile.SetCommand, Line: run, Text: command})
}

// onlyHere says why a step may not leave other files than before: another stage uses them. It
// returns nil if none does.
func (x *fixer) onlyHere(line int) error {
	for _, u := range x.file.Uses(line) {
		return fmt.Errorf("line %d uses the same stage, and may need the files as line %d leaves them", u.Line, line)
	}
	return nil
}

// metadataOf compares the result of a COPY with that of a later RUN.
type metadataOf struct {
	x        *fixer
	from, by int
	word     string // COPY or ADD
	changed  attributes
	owner    agreed[[2]int64] // final owner of everything that the COPY made
	mode     agreed[uint32]   // of everything except symbolic links
	symbolic bool             // u=rwX,go=rX gives all of them their final modes
	dirs     bool             // the COPY made directories
	kept     []NodeID         // directories that the RUN changes, and the COPY found
}

// keep returns the command that changes only the directories that the COPY leaves as they are.
func (m *metadataOf) keep(run int) (string, error) {
	t := m.x.t
	var paths []string
	for _, n := range m.kept {
		paths = append(paths, t.Path(n))
	}
	slices.Sort(paths)
	command, ok := m.x.file.OnPaths(run, paths)
	if !ok || len(paths) > mostRoots || slices.ContainsFunc(paths, func(p string) bool { return !plainPath.MatchString(p) }) {
		return "", fmt.Errorf("the step of layer %d also changes %s, and %s leaves a directory that exists as it is: copy with the flag, and keep a RUN that changes only the directory", m.by, t.pathText(m.kept[0]), m.word)
	}
	return command, nil
}

// collect visits both layers. The error says why the RUN does more than change what the COPY
// made.
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
		case v.kind == source.Dir && known && set&^timeChanged == 0: // written only because of its content
			continue
		case v.change == Identical && known && set == 0: // it had the values already
			continue
		case v.kind == source.Dir && known && set&^(ownerChanged|modeChanged) == 0 && (int(t.versions[i-1].layer) != m.from || t.existed(i-1)):
			m.kept = append(m.kept, v.node)
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

// made records the final state of something that the COPY made.
func (m *metadataOf) made(i int32, final map[NodeID]int32) {
	t := m.x.t
	v := &t.versions[i]
	if v.change == Removed || v.kind == source.Dir && (t.existed(i) || v.flags&implied != 0) {
		return
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

// existed reports whether version i's layer found something at its path. COPY does not change a
// directory that it finds, with or without --chown and --chmod (BuildKit and the classic builder).
func (t *Tree) existed(i int32) bool {
	first, _ := t.versionRange(t.versions[i].node)
	return i != first && t.versions[i-1].change != Removed
}

// flags returns the flags of COPY that replace the RUN.
func (m *metadataOf) flags() (string, error) {
	var flags []string
	if m.changed&ownerChanged != 0 {
		owner := m.owner.text(ownerText)
		if owner == "" {
			return "", fmt.Errorf("not every file of the %s gets the same owner", m.word)
		}
		flags = append(flags, "--chown"+owner)
	}
	if m.changed&modeChanged != 0 {
		mode := m.mode.text(human.Permissions)
		switch {
		case !m.x.newBuilder(m.from):
			return "", fmt.Errorf("%s --chmod needs BuildKit, and nothing shows that BuildKit built the image", m.word)
		case mode != "" && (!m.dirs || m.mode.value == 0o755):
			flags = append(flags, "--chmod"+mode)
		case m.symbolic && !m.dirs && m.x.file.Knows(symbolicSince):
			flags = append(flags, "--chmod=u=rwX,go=rX")
		default:
			return "", fmt.Errorf("not every file of the %s gets the same mode", m.word)
		}
	}
	if len(flags) == 0 {
		return "", errNotByEdit
	}
	return strings.Join(flags, " "), nil
}

// symbolicSince is the first version 1.x of the Dockerfile syntax in which COPY --chmod accepts
// symbolic modes. Source: the Dockerfile reference, "COPY --chmod".
const symbolicSince = 14

// newBuilder reports whether BuildKit makes a layer's step: it made it before, or nothing shows
// which builder did and the Dockerfile requires BuildKit. Docker's classic builder ignores the
// syntax directive. The base image's steps say nothing about this build.
func (x *fixer) newBuilder(layer int) bool {
	made := 0
	for _, s := range x.ad.a.Image.History {
		if s.Empty {
			continue
		}
		if made == layer {
			switch {
			case strings.Contains(s.Command, "# buildkit") || strings.HasPrefix(s.Comment, "buildkit."):
				return true
			case strings.Contains(s.Command, "#(nop)"):
				return false
			}
		}
		made++
	}
	return x.file.Knows(0) || x.ad.a.Image.Provenance != nil
}

// movesOne matches a command that moves one file.
var movesOne = lazy.New(`^RUN\s+mv\s+(?:-f\s+)?(/[A-Za-z0-9/._+-]+)\s+(/[A-Za-z0-9/._+-]+)$`)

// copyTo makes a COPY of one file write it directly to the place where a later RUN moves it.
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
	if err := x.onlyHere(copied); err != nil {
		return nil, err
	}
	old, to := none, none
	t := x.t
	for _, layer := range []int{from, by} {
		for _, i := range x.versionsOf(layer) {
			v := &t.versions[i]
			switch {
			case v.kind == source.Dir && v.change != Removed && t.existed(i):
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
