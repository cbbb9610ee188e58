package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// listRow is one object of "peel ls --json"; see docs/json.md.
type listRow struct {
	Path quoted `json:"path"`
	versionRow
	Change string `json:"change"`
}

// versionRow has the facts of a version, without its change.
type versionRow struct {
	Type  *string `json:"type"`
	Size  *int64  `json:"size"`
	Mode  *string `json:"mode"`
	UID   *int64  `json:"uid"`
	GID   *int64  `json:"gid"`
	MTime *string `json:"mtime"`
	Link  *quoted `json:"link"`
	Layer int     `json:"layer"`
}

func newVersionRow(v analyze.Version) versionRow {
	row := versionRow{Layer: v.Layer()}
	if v.Change() == analyze.Removed {
		return row
	}
	kind, size := v.Type().String(), v.Size()
	row.Type, row.Size = &kind, &size
	if linked(v) {
		row.Link = known(v.Link())
	}
	if !v.Implied() {
		mode, uid, gid := human.Permissions(v.Mode()), v.UID(), v.GID()
		row.Mode, row.UID, row.GID, row.MTime = &mode, &uid, &gid, stamp(v.Time())
	}
	return row
}

// ListJSON writes a version of path as one JSON object and a newline. Missing
// values (a removed path has no type, an implied directory has no mode) are
// null.
func ListJSON(w io.Writer, path string, v analyze.Version) error {
	row := listRow{quoted(path), newVersionRow(v), v.Change().String()}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(row)
}

// ListLine writes a version of a path as one line for people: type and mode, owner, size of a
// file, time, layer, change, name, and link target. "-" means no value. Sizes are in bytes, or in
// the form that sort -h reads: "3.53kB".
func ListLine(w io.Writer, name string, v analyze.Version, bytes bool) error {
	_, err := fmt.Fprintf(w, "%s  %-9s  %7s  %-19s  %2d  %-9s  %s%s\n",
		Mode(v), owner(v), listSize(v, bytes), date(v), v.Layer(), v.Change(), clean.Text(name), arrow(v))
	return err
}

func owner(v analyze.Version) string {
	if v.Change() == analyze.Removed || v.Implied() {
		return "-"
	}
	return strconv.FormatInt(v.UID(), 10) + ":" + strconv.FormatInt(v.GID(), 10)
}

func fileSize(v analyze.Version) string {
	if v.Change() == analyze.Removed || v.Kind() != source.File {
		return "-"
	}
	return human.Size(v.Size())
}

// listSize is fileSize for programs that read lines: in bytes, or without a space.
func listSize(v analyze.Version, bytes bool) string {
	if size := fileSize(v); size == "-" || !bytes {
		return strings.ReplaceAll(size, " ", "")
	}
	return strconv.FormatInt(v.Size(), 10)
}

func date(v analyze.Version) string {
	if v.Change() == analyze.Removed || v.Implied() {
		return "-"
	}
	return human.Date(v.Time())
}

// arrow returns the text after a link's name: " -> target" for a symlink, " link to /path" for a
// hard link, else nothing.
func arrow(v analyze.Version) string {
	switch {
	case !linked(v):
		return ""
	case v.Type() == source.Symlink:
		return " -> " + clean.Text(v.Link())
	}
	return " link to " + clean.Text(v.Link())
}

func linked(v analyze.Version) bool {
	return v.Change() != analyze.Removed && (v.Type() == source.Symlink || v.Type() == source.Hardlink)
}

// typeSigns are the first letters of a mode, by source.Type.
const typeSigns = "-dlhcbp"

// Mode writes a version's type and mode as ls and tar do, "drwxr-sr-x"; "?" means that the mode is
// unknown. A removed path has none.
func Mode(v analyze.Version) string {
	if v.Change() == analyze.Removed {
		return "----------"
	}
	b := []byte("-?????????")
	if t := int(v.Type()); t < len(typeSigns) {
		b[0] = typeSigns[t]
	}
	if v.Implied() {
		return string(b)
	}
	mode := v.Mode()
	for i := range 9 {
		b[1+i] = '-'
		if mode&(0o400>>i) != 0 {
			b[1+i] = "rwxrwxrwx"[i]
		}
	}
	for _, s := range [...]struct {
		bit           uint32
		at            int
		with, without byte // the execute bit
	}{{0o4000, 3, 's', 'S'}, {0o2000, 6, 's', 'S'}, {0o1000, 9, 't', 'T'}} {
		if mode&s.bit == 0 {
			continue
		}
		if b[s.at] == 'x' {
			b[s.at] = s.with
		} else {
			b[s.at] = s.without
		}
	}
	return string(b)
}
