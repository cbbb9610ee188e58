package analyze

import (
	"fmt"
	"strings"

	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// The advice for files that a step copies up only to change their owner, mode, time or extended
// attributes.

func (w *wording) metadata(f *Finding) {
	what, how := w.g.attribute(w.step.recursive, w.step.deep)
	f.Title = w.one("A file copied up to change its ", "Files copied up to change their ") + what
	f.Message = fmt.Sprintf("%s %s copied up whole by layer %d only to change %s %s: %s the same content.",
		upperFirst(w.amount()), w.was(), w.k.by, w.one("its", "their"), what, w.carry())
	verb, madeBy := w.step.word, w.ad.step(w.g.origin()).word
	switch {
	case copies(verb):
		f.Advice = "Copy each file once: narrow the source of one of the two steps."
		if how.flag != "" {
			f.Advice = "Copy each file once, in a step that sets the right value (`" + verb + how.flag + "`): the image already has the same content."
		}
	case how.flag == "":
		f.Advice = "Run " + how.command + " in the step that makes the files, or leave it out."
	case copies(madeBy):
		f.Advice = "Use `" + madeBy + how.flag + "` in the step that copies them in, and leave out " + how.command + "."
		if dir := w.ad.olderDir(w.k.by, w.g.origin()); dir != none {
			f.Advice += " " + madeBy + " doesn't change existing directories, such as " + w.ad.t.pathText(dir) + ": run " + how.command + " on those alone."
		}
	case madeBy == "RUN":
		f.Advice = "Run " + how.command + " in the `RUN` that makes the files; for files that are copied in, use `COPY" + how.flag + "`."
	default:
		f.Advice = "Use `COPY" + how.flag + "`, or run " + how.command + " in the step that makes the files."
	}
	if how.note != "" {
		f.Advice += " " + how.note
	}
}

// olderDir returns a directory whose owner or mode layer by changes, and which the COPY of layer from
// did not make; none if it made all of them.
func (ad *adviser) olderDir(by, from int) NodeID {
	t := ad.t
	if ad.dirs == nil {
		ad.dirs = map[uint16][]int32{}
		for i := range t.versions {
			if v := &t.versions[i]; v.kind == source.Dir && v.change == Metadata && v.flags&(implied|duplicate) == 0 {
				ad.dirs[v.layer] = append(ad.dirs[v.layer], int32(i))
			}
		}
	}
	for _, i := range ad.dirs[uint16(by)] {
		before, known := t.attributes(i - 1)
		now, ok := t.attributes(i)
		if !known || !ok || attributesIn(&before, &now)&(ownerChanged|modeChanged) == 0 {
			continue
		}
		first, _ := t.versionRange(t.versions[i].node)
		made := false
		for j := i - 1; j >= first && int(t.versions[j].layer) >= from; j-- {
			made = int(t.versions[j].layer) == from && !t.existed(j)
		}
		if !made {
			return t.versions[i].node
		}
	}
	return none
}

// ownerText returns "1000:1000".
func ownerText(ids [2]int64) string { return fmt.Sprintf("%d:%d", ids[0], ids[1]) }

// A remedy is a way to set an attribute without a copy: a flag of COPY, if one exists, and a
// command in the right place. note is additional advice.
type remedy struct{ flag, command, note string }

// attribute names what changed for most files of g, and how to set everything that differs from
// their origin in time. Recursive means that one mode was set for everything below a directory,
// which makes all files executable. Deep means that modes below a directory changed, so perhaps also
// those of directories, for which a mode in digits without x would be wrong. Source of the symbolic
// modes: Dockerfile reference, "COPY --chmod", since 1.14.
func (g *group) attribute(recursive, deep bool) (string, remedy) {
	most, n := attributes(0), 0
	for set, count := range g.changed {
		if count > n {
			most, n = attributes(set), count
		}
	}
	of := g.settledIn(g.origin())
	mode := " --chmod" + of.mode.text(human.Permissions)
	note := ""
	switch {
	case of.since&modeChanged == 0:
	case deep && !recursive && of.mode.text(human.Permissions) != "" && of.mode.value&0o111 == 0:
		mode = " --chmod=" + symbolicMode(of.mode.value)
		note = "The `X` is for directories: without it, nobody could enter them (`COPY --chmod` accepts it from `# syntax=docker/dockerfile:1.14` on)."
	case recursive:
		mode = " --chmod=u=rwX,go=rX"
		note = "A recursive mode in digits makes every file executable: `u=rwX,go=rX` gives 0755 to directories and programs, and 0644 to other files (`chmod -R` accepts it too; `COPY --chmod` from `# syntax=docker/dockerfile:1.14` on)."
	}
	var names, flags, commands []string
	for _, a := range []struct {
		set                 attributes
		name, flag, command string
	}{
		{ownerChanged, "owner", " --chown" + of.owner.text(ownerText), "`chown`"},
		{modeChanged, "mode", mode, "`chmod`"},
		{timeChanged, "time", "", "`touch`"},
		{xattrsChanged, "extended attributes", "", "`setcap` or `setfattr`"},
	} {
		if most&a.set != 0 {
			names = append(names, a.name)
		}
		// Changes of earlier steps go into the same flags.
		if most&a.set != 0 || a.flag != "" && of.since&a.set != 0 {
			commands = append(commands, a.command)
			if a.flag != "" {
				flags = append(flags, a.flag)
			}
		}
	}
	if len(names) == 0 {
		return "attributes", remedy{"", "what changes them", ""}
	}
	if most&(ownerChanged|modeChanged) == 0 {
		flags = nil
	}
	return enumerate(names), remedy{strings.Join(flags, ""), enumerate(commands), note}
}

// symbolicMode returns "u=rwX,go=" for 0600, "u=rwX,g=rX,o=" for 0640.
func symbolicMode(mode uint32) string {
	of := func(bits uint32) string {
		s := pick(bits&4 != 0, "r", "") + pick(bits&2 != 0, "w", "")
		return s + pick(s != "", "X", "")
	}
	user, group, others := of(mode>>6), of(mode>>3), of(mode)
	if group == others {
		return "u=" + user + ",go=" + group
	}
	return "u=" + user + ",g=" + group + ",o=" + others
}
