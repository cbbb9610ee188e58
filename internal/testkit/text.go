package testkit

import (
	"fmt"
	"strconv"
	"strings"
)

// Text writes an image's layers in the format of fixtures, so that a failing random image can
// become a fixture.
func Text(im *Image) string {
	kinds := map[byte]string{}
	for name, flag := range typeFlags {
		kinds[flag] = name
	}
	var b strings.Builder
	for _, l := range im.Layers {
		fmt.Fprintln(&b, "-- layer --")
		for i := range l.Entries {
			e := &l.Entries[i]
			fmt.Fprint(&b, kinds[e.Type], " ", word{text: e.Name}.String())
			switch e.Type {
			case '0':
				fmt.Fprintf(&b, " %d", e.Size)
			case '1', '2':
				fmt.Fprintf(&b, " -> %s", word{text: e.Link})
			case '3', '4':
				fmt.Fprintf(&b, " %d:%d", e.Major, e.Minor)
			}
			fmt.Fprintf(&b, " mode=%04o", e.Mode)
			for _, attr := range []struct {
				name, value string
				unless      bool
			}{
				{"seed", e.Seed, e.Seed == ""},
				{"uid", strconv.FormatInt(e.UID, 10), e.UID == 0},
				{"gid", strconv.FormatInt(e.GID, 10), e.GID == 0},
				{"mtime", strconv.FormatInt(e.Time.Unix(), 10), e.Time.Equal(DefaultTime)},
			} {
				if !attr.unless {
					fmt.Fprintf(&b, " %s=%s", attr.name, attr.value)
				}
			}
			for _, name := range sortedKeys(e.Xattrs) {
				fmt.Fprintf(&b, " xattr:%s=%q", name, e.Xattrs[name])
			}
			fmt.Fprintln(&b)
		}
	}
	return b.String()
}

// String formats a word so that split can parse it.
func (w word) String() string {
	if q := strconv.Quote(w.text); q != `"`+w.text+`"` || w.text == "" || strings.ContainsAny(w.text, " =#") {
		return q
	}
	return w.text
}
