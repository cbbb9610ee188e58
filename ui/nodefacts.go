package ui

import (
	"fmt"

	"github.com/peelhq/peel/analyze"
)

// kindTexts are the texts for kinds of files without content to show.
var kindTexts = map[analyze.FileType]string{
	analyze.TypeSymlink:  "a symbolic link",
	analyze.TypeHardlink: "a hard link whose target is missing",
	analyze.TypeChar:     "a character device",
	analyze.TypeBlock:    "a block device",
	analyze.TypeFifo:     "a named pipe",
}

// nodeFacts describes a version without content.
func nodeFacts(lk *look, a *analyze.Analysis, v analyze.Version) styledLines {
	st := &lk.st
	var p styledLines
	p.add(span{st.strong, kindTexts[v.Kind()]})
	if to, ok := v.Target(); ok {
		p.add(span{st.dim, "to    "}, span{st.link, lk.text(to)})
		path := a.Tree.Path(v.Node())
		n, err := analyze.Resolve(a.Tree, v.Layer(), path, true)
		if err != nil {
			p.add(span{st.dim, "which does not exist after layer "}, span{st.text, fmt.Sprint(v.Layer())})
		} else {
			p.add(span{st.dim, "which is "}, span{st.text, lk.text(a.Tree.Path(n))})
		}
	}
	if e, ok := v.Entry(); ok && (e.Major != 0 || e.Minor != 0) {
		p.add(span{st.dim, "number "}, span{st.text, fmt.Sprintf("%d, %d", e.Major, e.Minor)})
	}
	p.add(span{st.dim, "owner "}, span{st.text, fmt.Sprintf("%d:%d", v.UID(), v.GID())})
	p.add(span{st.dim, "mode  "}, span{st.text, fmt.Sprintf("%04o", v.Mode())})
	if t := v.Time(); !t.IsZero() {
		p.add(span{st.dim, "time  "}, span{st.text, t.UTC().Format("2006-01-02 15:04:05")})
	}
	return p
}
