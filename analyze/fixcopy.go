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

// copyWith makes COPYs set the owner and the mode that a later RUN sets.
func (x *fixer) copyWith(from []int, by int) (*edition, error) {
	run, err := x.line(by)
	if err != nil {
		return nil, err
	}
	switch {
	case x.word(by) != "RUN" || !x.file.OnlyRuns(run, "chmod", "chown", "chgrp"):
		return nil, errors.New("the step that changes them does more than that")
	case !x.nothingRuns(from[0], by):
		return nil, errors.New("a command runs between the steps, and may see the files as they are there")
	}
	m := metadataOf{x: x, by: by}
	for _, layer := range from {
		line, err := x.line(layer)
		if err != nil {
			return nil, err
		}
		if flags := x.file.Flags(line); strings.Contains(flags, "--chown") || strings.Contains(flags, "--chmod") {
			return nil, fmt.Errorf("the %s on line %d sets an owner or a mode already", x.word(layer), line)
		}
		if err := x.onlyHere(line); err != nil {
			return nil, err
		}
		m.copies = append(m.copies, &copied{layer: layer, line: line, word: x.word(layer), symbolic: true})
	}
	if err := m.collect(); err != nil {
		return nil, err
	}
	var edits []dockerfile.Edit
	for _, c := range m.copies {
		flags, err := m.flags(c)
		if err != nil {
			return nil, err
		}
		if flags != "" {
			edits = append(edits, dockerfile.Edit{Kind: dockerfile.AddFlags, Line: c.line, Text: flags})
		}
	}
	if len(edits) == 0 {
		return nil, errNotByEdit
	}
	if len(m.kept) == 0 {
		c := change{unwritten: x.versionsOf(by), gone: by}
		return x.made(c, append(edits, dockerfile.Edit{Kind: dockerfile.DropStep, Line: run})...)
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
	return x.made(c, append(edits, dockerfile.Edit{Kind: dockerfile.SetCommand, Line: run, Text: command})...)
}

// onlyHere says why a step may not leave other files than before: another stage uses them. It
// returns nil if none does.
func (x *fixer) onlyHere(line int) error {
	for _, u := range x.file.Uses(line) {
		return fmt.Errorf("line %d uses the same stage, and may need the files as line %d leaves them", u.Line, line)
	}
	return nil
}

// metadataOf compares the result of COPYs with that of a later RUN.
type metadataOf struct {
	x      *fixer
	by     int
	copies []*copied // lowest first
	kept   []NodeID  // directories that the RUN changes, and the COPYs found
}

// A copied is the result of a COPY, in its layer, after the later RUN.
type copied struct {
	layer, line int
	word        string // COPY or ADD
	changed     attributes
	owner       agreed[[2]int64] // final owner of everything that the COPY made
	mode        agreed[uint32]   // of everything except symbolic links
	symbolic    bool             // u=rwX,go=rX gives all of them their final modes
	dirs        bool             // the COPY made directories
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
		return "", fmt.Errorf("the step of layer %d also changes %s, and COPY leaves a directory that exists as it is: copy with the flag, and keep a RUN that changes only the directory", m.by, t.pathText(m.kept[0]))
	}
	return command, nil
}

// in returns the COPY of a layer, or nil.
func (m *metadataOf) in(layer uint16) *copied {
	for _, c := range m.copies {
		if c.layer == int(layer) {
			return c
		}
	}
	return nil
}

// maker returns the COPY that made the file or directory of version i, or nil if none did. A
// later COPY leaves a directory as it is.
func (m *metadataOf) maker(i int32) *copied {
	t := m.x.t
	c := m.in(t.versions[i].layer)
	for c != nil && t.versions[i].kind == source.Dir && t.existed(i) {
		i--
		c = m.in(t.versions[i].layer)
	}
	if c != nil && m.above(c, i) {
		return nil
	}
	return c
}

// above reports whether version i of a COPY's layer may be a directory above the target, which
// only BuildKit gives the owner of --chown: the classic builder does so for files, and not for
// directories.
func (m *metadataOf) above(c *copied, i int32) bool {
	t := m.x.t
	v := &t.versions[i]
	if v.kind != source.Dir || m.x.newBuilder(c.layer) {
		return false
	}
	inside, dirs := 0, 0
	for _, child := range t.Children(v.node) {
		if j := t.inLayer(child, c.layer); j != none {
			inside++
			if t.versions[j].kind == source.Dir {
				dirs++
			}
		}
	}
	return inside == 1 && dirs == 1
}

// collect visits the layers. The error says why the RUN does more than change what the COPYs
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
		c := m.maker(i - 1)
		switch {
		case v.kind == source.Dir && known && set&^timeChanged == 0: // written only because of its content
			continue
		case v.change == Identical && known && set == 0: // it had the values already
			continue
		case v.kind == source.Dir && known && set&^(ownerChanged|modeChanged) == 0 && c == nil:
			m.kept = append(m.kept, v.node)
			continue
		case c == nil || !known || v.kind != source.Dir && v.change != Metadata && v.change != Identical:
			return fmt.Errorf("the step of layer %d also changes %s, which %s", m.by, t.pathText(v.node), m.doNotBring())
		case set&^(ownerChanged|modeChanged) != 0:
			return fmt.Errorf("the step of layer %d changes more of %s than its owner and mode", m.by, t.pathText(v.node))
		}
		c.changed |= set
		final[v.node] = i
	}
	for _, c := range m.copies {
		for _, i := range m.x.versionsOf(c.layer) {
			m.made(c, i, final)
		}
	}
	return nil
}

// doNotBring says that the COPYs don't bring something.
func (m *metadataOf) doNotBring() string {
	if len(m.copies) > 1 {
		return "those steps do not bring"
	}
	return fmt.Sprintf("layer %d does not bring", m.copies[0].layer)
}

// made records the final state of something that a COPY made.
func (m *metadataOf) made(c *copied, i int32, final map[NodeID]int32) {
	t := m.x.t
	v := &t.versions[i]
	if v.change == Removed || v.kind == source.Dir && (t.existed(i) || v.flags&implied != 0 || slices.Contains(m.kept, v.node)) {
		return
	}
	before, _ := t.attributes(i)
	now := before
	if at, ok := final[v.node]; ok {
		now, _ = t.attributes(at)
	}
	c.owner.add([2]int64{now.UID, now.GID})
	if v.kind == source.Symlink {
		return
	}
	c.mode.add(now.Mode)
	want := uint32(0o644)
	if v.kind == source.Dir {
		c.dirs = true
		want = 0o755
	} else if before.Mode&0o111 != 0 {
		want = 0o755
	}
	c.symbolic = c.symbolic && now.Mode == want
}

// existed reports whether version i's layer found something at its path. COPY does not change a
// directory that it finds, with or without --chown and --chmod (BuildKit and the classic builder).
func (t *Tree) existed(i int32) bool {
	first, _ := t.versionRange(t.versions[i].node)
	return i != first && t.versions[i-1].change != Removed
}

// flags returns the flags of a COPY that replace the RUN; "" if none are needed.
func (m *metadataOf) flags(c *copied) (string, error) {
	var flags []string
	if c.changed&ownerChanged != 0 {
		owner := c.owner.text(ownerText)
		if owner == "" {
			return "", fmt.Errorf("not every file of the %s gets the same owner", c.word)
		}
		flags = append(flags, "--chown"+owner)
	}
	if c.changed&modeChanged != 0 {
		mode := c.mode.text(human.Permissions)
		switch {
		case !m.x.newBuilder(c.layer):
			return "", fmt.Errorf("%s --chmod needs BuildKit, and nothing shows that BuildKit built the image", c.word)
		case mode != "" && (!c.dirs || c.mode.value == 0o755):
			flags = append(flags, "--chmod"+mode)
		case c.symbolic && !c.dirs && m.x.file.Knows(symbolicSince):
			flags = append(flags, "--chmod=u=rwX,go=rX")
		default:
			return "", fmt.Errorf("not every file of the %s gets the same mode", c.word)
		}
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
