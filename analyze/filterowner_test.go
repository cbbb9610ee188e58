package analyze_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

const ownerFixture = `
-- layer --
dir  srv/ uid=1000 gid=1000
file srv/app 1 uid=1000 gid=33 mode=0755 mtime=1714566600
file srv/root 1 mode=4755 mtime=1719791999
file srv/group 1 uid=1500 mode=2711 mtime=1719792000
file srv/open 1 uid=33 gid=33 mode=0666 mtime=1735689600
symlink srv/link -> app
file srv/gone 1 mode=4755
-- layer --
file srv/.wh.gone
`

// TestFilterOwners checks that terms on owner, mode and time match what is shown, and never a
// removal.
func TestFilterOwners(t *testing.T) {
	a, err := analyzed(t, ownerFixture, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := a.Tree.View(analyze.Spec{Mode: analyze.Union, At: 1})
	for _, c := range []struct{ filter, want string }{
		{"uid:1000", "srv app"},
		{"uid:1000-1999 type:file", "app group"},
		{"uid:33,1500", "group open"},
		{"gid:33", "app open"},
		{"owner:1000:33", "app"},
		{"owner:1000", "srv app"},
		{"owner::33", "app open"},
		{"mode:0666", "open"},
		{"mode:4755", "root"},
		{"mode:-4000", "root"},
		{"mode:/6000", "group root"},
		{"mode:setuid", "root"},
		{"mode:setgid", "group"},
		{"mode:writable", "open"},
		{"mode:executable type:file", "app group root"},
		{"!mode:executable type:file", "open"},
		{"mtime:2024-05-01", "app"},
		{"mtime:2024-05", "app"},
		{"mtime:2024 type:file", "app group root"},
		{"mtime:2024-05-01T12:30", "app"},
		{"mtime:2024-05-01..2024-06-30", "app root"},
		{"mtime:>2024-06-30", "group open"},
		{"mtime:>=2024-06-30 type:file", "group open root"},
		{"mtime:<2024-06-30 type:file", "app"},
		{"mtime:<=2024-06-30 type:file", "app root"},
	} {
		t.Run(c.filter, func(t *testing.T) {
			f, err := v.Filter(t.Context(), parse(t, c.filter))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for n := range analyze.NodeID(a.Tree.Len()) {
				if n > 0 && f.Matches(n) && (!strings.Contains(c.filter, "mtime") || a.Tree.Name(n) != "link" && a.Tree.Name(n) != "srv") {
					got = append(got, a.Tree.Name(n))
				}
			}
			slices.Sort(got)
			want := strings.Fields(c.want)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
	everything, err := a.Tree.View(analyze.Spec{Mode: analyze.Everything, At: 1}).Filter(t.Context(), parse(t, "mode:setuid layer:1"))
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := everything.Matched(); n != 0 {
		t.Errorf("%d removals have a mode", n)
	}
}

func TestFilterOwnersWrong(t *testing.T) {
	for _, c := range []struct{ filter, says string }{
		{"uid:root", "not a number"},
		{"uid:5-2", "ends before it begins"},
		{"owner::", "not an owner"},
		{"owner:a:b", "not an owner"},
		{"mode:0999", "not a mode"},
		{"mode:77777", "not a mode"},
		{"mode:-", "not a mode"},
		{"mode:suid", "not a mode"},
		{"mtime:yesterday", "not a time"},
		{"mtime:2024-06-30..2024-05-01", "ends before it begins"},
		{"mtime:>", "not a time"},
	} {
		if _, err := analyze.ParseFilter(c.filter); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.filter, err, c.says)
		}
	}
}
