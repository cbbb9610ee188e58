package analyze_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// globsOf writes a setting with its globs in the form that analyze.Told takes.
func globsOf(setting string, globs ...string) string {
	var b strings.Builder
	for _, g := range globs {
		b.WriteString(setting + " " + g + "; ")
	}
	return b.String()
}

const secrets = `
-- image app:1 linux/amd64 --
step "ADD base"
step "COPY . /srv"
step "RUN rm -r /srv/.git"
step "COPY more"
-- layer --
file etc/ssl/certs/ca.pem 1000
dir  srv/
-- layer --
file srv/.git/config 10
file srv/.git/objects/a 3000
file srv/.git/objects/b 2000
file srv/.git/HEAD 5
dir  srv/.git/refs/
file srv/key.pem 20
hardlink srv/same.pem -> srv/key.pem
symlink srv/to.pem -> /nowhere
-- layer --
file srv/.wh..git
-- layer --
file srv/key.pem 30
file srv/.wh..wh.plnk 4000
file srv/.git 7
`

func TestForbid(t *testing.T) {
	a, err := analyzed(t, secrets, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		globs []string
		value string
		found []string // ID | path | layer, bytes, versions | message from "ships" on
	}{
		{"nothing of the kind", []string{"*.key"}, "0 files", nil},
		{"only directories", []string{"/srv/.git/refs"}, "0 files", nil},
		{"removed later", []string{"**/.git/**"}, "5 files", []string{
			"forbid/**/.git/**/COPY . /srv | /srv/.git | 1, 5015, 4 | ships 4 files that **/.git/** forbids, 5.02 kB: /srv/.git/objects/a, /srv/.git/objects/b, /srv/.git/config and 1 more. From layer 2 on they are hidden, but still shipped",
			"forbid/**/.git/**/COPY more | /srv/.git | 3, 7, 1 | ships 1 file that **/.git/** forbids, 7 B: /srv/.git",
		}},
		{"links, and one covered", []string{"*.pem", "!/etc/ssl"}, "4 files", []string{
			"forbid/*.pem/COPY more | /srv/key.pem | 3, 30, 1 | ships 1 file that *.pem forbids, 30 B: /srv/key.pem",
			"forbid/*.pem/COPY . /srv | /srv | 1, 20, 3 | ships 3 files that *.pem forbids, 20 B: /srv/key.pem, /srv/same.pem, /srv/to.pem. From layer 3 on 1 of them are hidden, but still shipped",
		}},
		{"the base image's", []string{"/etc"}, "1 file", []string{
			"forbid//etc/ADD base | /etc/ssl/certs/ca.pem | 0, 1000, 1 | ships 1 file that /etc forbids, 1.00 kB: /etc/ssl/certs/ca.pem",
		}},
		{"two globs for the same", []string{"/srv/.git/config", "config"}, "1 file", []string{
			"forbid//srv/.git/config/COPY . /srv | /srv/.git/config | 1, 10, 1 | ships 1 file that /srv/.git/config forbids, 10 B: /srv/.git/config. From layer 2 on it is hidden, but still shipped",
			"forbid/config/COPY . /srv | /srv/.git/config | 1, 10, 1 | ships 1 file that config forbids, 10 B: /srv/.git/config. From layer 2 on it is hidden, but still shipped",
		}},
		{"what is no file of the image", []string{"*.plnk"}, "1 file", []string{
			"forbid/*.plnk/COPY more | /srv/.wh..wh.plnk | 3, 4000, 1 | ships 1 file that *.plnk forbids, 4.00 kB: /srv/.wh..wh.plnk. From layer 3 on it is hidden, but still shipped",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := analyze.Hold(t, a, globsOf("forbid", c.globs...))
			if len(o.Results) != 1 || o.Results[0].Value != c.value || o.Results[0].Failed != (c.found != nil) {
				t.Errorf("result %+v, want %s", o.Results, c.value)
			}
			var got []string
			for _, f := range o.Findings {
				_, ships, _ := strings.Cut(f.Message, " ")
				_, ships, _ = strings.Cut(ships, " ")
				got = append(got, fmt.Sprintf("%s | %s | %d, %d, %d | %s", f.ID, f.Path, f.Layer, f.Bytes, f.Versions, ships))
				if f.Rule != "forbid" || f.Severity != analyze.Error || f.Title == "" || f.Advice == "" || f.Step == "" {
					t.Errorf("incomplete finding: %+v", f)
				}
			}
			if strings.Join(got, "\n") != strings.Join(c.found, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.found, "\n"))
			}
		})
	}
}

// TestForbidPlainly compares the number of forbidden files with a simple count over every path
// of every layer.
func TestForbidPlainly(t *testing.T) {
	a := run(t, "../testdata/sample.tar", source.Options{})
	for _, pattern := range []string{"*.js", "node_modules", "/var/lib/apt/lists/**", "**/.cache/**", "/usr/*/doc", "*", "{b,l}i*", "/srv/**/*.{jpg,js}", "/**", "**/static", "[a-m]*/**"} {
		plain := strings.TrimPrefix(pattern, "/")
		if inner := strings.TrimSuffix(pattern, "/**"); !strings.Contains(inner, "/") && inner != "" {
			plain = "**/" + plain
		}
		want := 0
		for n := range a.Tree.Len() {
			path := a.Tree.Path(analyze.NodeID(n))[1:]
			named := false
			for i := 0; i <= len(path); i++ {
				if i == len(path) || path[i] == '/' {
					named = named || doublestar.MatchUnvalidated(plain, path[:i])
				}
			}
			if !named {
				continue
			}
			for _, v := range a.Tree.Versions(analyze.NodeID(n)) {
				if _, ok := v.Entry(); ok && v.Kind() != source.Dir {
					want++
				}
			}
		}
		if want == 0 {
			t.Errorf("%s matches nothing, so it tests nothing", pattern)
		}
		o := analyze.Hold(t, a, "forbid "+pattern)
		got := 0
		for _, f := range o.Findings {
			got += f.Versions
		}
		if got != want {
			t.Errorf("%s: %d files, want %d", pattern, got, want)
		}
	}
}

func TestIgnore(t *testing.T) {
	a, err := analyzed(t, `
-- layer --
file usr/a 700
file var/lib/dpkg/status 100
-- layer --
file var/lib/dpkg/status 110
file srv/x 200
file srv/y 80
-- layer --
file var/lib/dpkg/status 120
file srv/.wh.x
`, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// The image stores 1310 bytes and wastes 100+110+200. User layers store 510, of which 310
	// are wasted.
	for _, c := range []struct {
		ignore   []string
		values   string
		ignored  int64
		versions int
		note     string
	}{
		{nil, "39.2 % 410 B 60.8 %", 0, 0, ""},
		{[]string{"/nowhere"}, "39.2 % 410 B 60.8 %", 0, 0, ""},
		{[]string{"/var/lib/dpkg"}, "50.0 % 200 B 50.0 %", 210, 2, "210 B of waste in 2 versions is ignored: no rule counts it"},
		{[]string{"/srv", "!/srv/x"}, "39.2 % 410 B 60.8 %", 0, 0, ""},
		{[]string{"*"}, "100.0 % 0 B 0.0 %", 410, 3, "410 B of waste in 3 versions is ignored: no rule counts it"},
	} {
		o := analyze.Hold(t, a, "min-efficiency 0.5; max-wasted 5000; max-user-wasted 0.9; "+globsOf("ignore", c.ignore...))
		var values []string
		for _, r := range o.Results {
			values = append(values, r.Value)
		}
		var left int64
		for _, w := range o.Waste.All() {
			left += w.Bytes
		}
		if got := strings.Join(values, " "); got != c.values || o.Ignored != c.ignored || o.IgnoredVersions != c.versions || left != 410-c.ignored {
			t.Errorf("ignore %q: got %s, ignored %d in %d, %d left; want %s, %d in %d", c.ignore, got, o.Ignored, o.IgnoredVersions, left, c.values, c.ignored, c.versions)
		}
		if got := strings.Join(o.Notes, "\n"); got != c.note {
			t.Errorf("ignore %q: got notes %q, want %q", c.ignore, got, c.note)
		}
	}
	// Sizes and forbidden files stay the same.
	o := analyze.Hold(t, a, "max-size 1310; max-files 2; forbid /srv/x; ignore *")
	if r := o.Results; r[0].Failed || r[0].Value != "1.31 kB" || !r[1].Failed || r[1].Value != "3" || !r[2].Failed {
		t.Errorf("results %+v", r)
	}
}

// TestFindingIDs checks that two steps of the same text, and layers without a step, get
// separate findings.
func TestFindingIDs(t *testing.T) {
	a, err := analyzed(t, `
-- image app:1 linux/amd64 --
step "RUN make"
step "RUN make"
-- layer --
file a 500
-- layer --
file b 500
-- layer --
file c 500
`, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := analyze.Hold(t, a, "max-layer-size 1 warn")
	var ids []string
	for _, f := range o.Findings {
		ids = append(ids, f.ID)
	}
	if got, want := strings.Join(ids, ", "), "max-layer-size/RUN make, max-layer-size/RUN make#2, max-layer-size/layer 2"; got != want {
		t.Errorf("IDs %s, want %s", got, want)
	}
	if o.Failed() {
		t.Error("a warning makes the check fail")
	}
}

// TestGlobsOnTrees checks that one walk over a tree with many globs finds the same matches as
// each glob on each path.
func TestGlobsOnTrees(t *testing.T) {
	all := analyze.SomeGlobs()
	for seed := range uint64(cases(60, 2000)) {
		a := randomImage(t, seed)
		d := testkit.Throw(seed + 2_000_000)
		for range 10 {
			globs := make([]string, 1+d.Roll(64))
			for i := range globs {
				globs[i] = all[d.Roll(len(all))]
				if d.Roll(2) == 0 {
					globs[i] = "/" + globs[i]
				}
			}
			walked, plain := analyze.Cover(t, a.Tree, globs)
			for n := range walked {
				if walked[n] != plain[n] {
					t.Fatalf("seed %d, %q: %s matches %b, want %b", seed, globs, a.Tree.Path(analyze.NodeID(n)), walked[n], plain[n])
				}
			}
		}
	}
}

// TestCheckEnds checks that a check stops when its context is cancelled.
func TestCheckEnds(t *testing.T) {
	a := run(t, "../testdata/sample.tar", source.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := analyze.Check(ctx, a, analyze.Told(t, "forbid **/x"), analyze.CheckOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want the context's error", err)
	}
}
