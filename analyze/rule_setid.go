package analyze

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// Mode bits, and the attribute with a file's capabilities.
const (
	setUserBit  = 0o4000
	setGroupBit = 0o2000

	capabilityXattr = "security.capability"
)

// privileges are the rights that a file gives to any user who runs it.
type privileges struct {
	bits         uint32 // setUserBit and setGroupBit
	capabilities string // the attribute's value
}

func (p privileges) any() bool { return p.bits != 0 || p.capabilities != "" }

// within reports whether p gives no right beyond those of o.
func (p privileges) within(o privileges) bool {
	return p.bits&^o.bits == 0 && (p.capabilities == "" || p.capabilities == o.capabilities)
}

// text returns "setuid", "setuid and setgid", "file capabilities".
func (p privileges) text() string {
	var words []string
	if p.bits&setUserBit != 0 {
		words = append(words, "setuid")
	}
	if p.bits&setGroupBit != 0 {
		words = append(words, "setgid")
	}
	if p.capabilities != "" {
		words = append(words, "file capabilities")
	}
	return enumerate(words)
}

// privilegesOf returns the privileges of version i; nothing unless it is a file. If the headers of
// several names differ, the modes of the first, of the last and of its own all count.
func (t *Tree) privilegesOf(i int32) privileges {
	v := &t.versions[i]
	if v.kind != source.File || v.entry == none || v.inode == none {
		return privileges{}
	}
	layer, entry := t.carrier(i)
	e := t.layers[layer].Entries.Attributes(int(entry))
	last := t.lastHeader(i)
	mode := e.Mode | last.Mode | t.layers[v.layer].Entries.Attributes(int(v.entry)).Mode
	return privileges{mode & (setUserBit | setGroupBit), cmp.Or(last.Xattrs[capabilityXattr], e.Xattrs[capabilityXattr])}
}

// setuid forbids files in own layers that give additional rights to the user who runs them. A
// file is accepted if the base image has a file with these rights at the same path.
func setuid(ctx context.Context, c *checker, _ onOff) (verdict, error) {
	t := c.a.Tree
	base := c.a.Totals.BaseLayers
	v := verdict{limit: "none", value: "none", message: "own layers add no file that is setuid or setgid or has capabilities"}
	shows, hidden := 0, 0
	for i := range t.versions {
		if i%untilRows == 0 && ctx.Err() != nil {
			return v, ctx.Err()
		}
		x := &t.versions[i]
		if int(x.layer) < base || x.kind != source.File {
			continue
		}
		has := t.privilegesOf(int32(i))
		if !has.any() || base > 0 && c.baseGives(x.node, has) {
			continue
		}
		visible := x.by == notHidden
		if visible {
			shows++
		} else {
			hidden++
		}
		if shows+hidden <= maxFindings {
			v.findings = append(v.findings, c.setID(int32(i), has, visible))
		}
	}
	if more := shows + hidden - maxFindings; more > 0 {
		v.findings = append(v.findings, leftOut("setuid", Note, more, 0, more))
	}
	v.number, v.bound = countOf(shows), countOf(0)
	if shows > 0 {
		v.failed = true
		v.value = human.Count(shows, "file", "files")
		v.message = fmt.Sprintf("own layers add %s that %s setuid or setgid, or %s capabilities", v.value, pick(shows == 1, "is", "are"), pick(shows == 1, "has", "have"))
	}
	if hidden > 0 {
		v.message += fmt.Sprintf(" (besides %s that later layers hide)", human.Count(hidden, "one", "ones"))
	}
	return v, nil
}

// baseGives reports whether the base image has a file at n with these privileges.
func (c *checker) baseGives(n NodeID, has privileges) bool {
	i := c.a.Tree.at(n, c.a.Totals.BaseLayers-1)
	return i != none && has.within(c.a.Tree.privilegesOf(i))
}

// setID returns the finding for one file. A file that a later layer hides is a note, because no
// process can run it.
func (c *checker) setID(i int32, has privileges, visible bool) Finding {
	t := c.a.Tree
	x := &t.versions[i]
	layer := int(x.layer)
	path := t.shortPath(x.node)
	advice := "Install what needs it in the base image, or take the bits away in the step that brings the file: chmod a-s."
	if has.bits == 0 {
		advice = "Take them away in the step that brings the file (setcap -r), or give the capability to the container (docker run --cap-add)."
	}
	f := Finding{
		ID: strings.TrimPrefix(path, "/"), Title: "A file with " + has.text(),
		Message: fmt.Sprintf("%s has %s, from layer %d: anyone who runs it gets its rights instead of their own.", t.pathText(x.node), has.text(), layer),
		Advice:  advice, Path: path, Layer: layer, Bytes: t.carried(i), Versions: 1, Step: c.stepOf(layer),
	}
	if !visible {
		f.ID, f.Rule, f.Severity = "setuid/hidden/"+f.ID, "setuid", Note
		f.Message = fmt.Sprintf("%s has %s in layer %d. A later layer hides it, so that no process can run it.", t.pathText(x.node), has.text(), layer)
	}
	return f
}
