package cmd

import (
	"encoding/json"
	"strings"
	"testing"
)

// packaged is an image with Debian's package database. git is installed and removed, and leaves
// its bytes behind; a is upgraded; c has a file that b has too.
const packaged = `-- image app:1 linux/amd64 --
step "FROM base"
step "RUN apt-get install git"
step "RUN apt-get remove git"
step "RUN chmod 700 /usr/bin/b"
-- layer --
symlink bin -> usr/bin
file usr/bin/git 5000 seed=git
file usr/bin/a 100 seed=a1
file usr/bin/b 200 seed=b
file var/lib/dpkg/status "Package: git\nStatus: install ok installed\nVersion: 2\n\nPackage: a\nStatus: install ok installed\nVersion: 1\n\nPackage: b\nStatus: install ok installed\nVersion: 1\n\nPackage: c\nStatus: install ok installed\nVersion: 1\n"
file var/lib/dpkg/info/git.list "/.\n/usr\n/usr/bin\n/usr/bin/git\n"
file var/lib/dpkg/info/a.list "/bin/a\n"
file var/lib/dpkg/info/b.list "/usr/bin/b\n/no/such\n"
file var/lib/dpkg/info/c.list "/usr/bin/b\n"
-- layer --
file usr/bin/.wh.git
file usr/bin/a 150 seed=a2
file var/lib/dpkg/info/.wh.git.list
file var/lib/dpkg/info/a.list "/bin/a\n"
file var/lib/dpkg/status "Package: a\nStatus: install ok installed\nVersion: 2\n\nPackage: b\nStatus: install ok installed\nVersion: 1\n\nPackage: c\nStatus: install ok installed\nVersion: 1\n"
-- layer --
file usr/bin/b 200 seed=b mode=0700
file srv/data 3000 seed=x
`

func TestPackages(t *testing.T) {
	inFolder(t, "docker-25", packaged)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"all", nil, `   stored   visible    wasted    shared    files  layers     type    package
  5.00 kB       0 B   5.00 kB         -        1  0         dpkg    git 2 (removed)
    400 B     200 B     200 B         -        2  0,2       dpkg    b 1
    150 B     150 B       0 B         -        1  1         dpkg    a 2
    100 B       0 B     100 B         -        1  0         dpkg    a 1 (removed)
      0 B       0 B       0 B     400 B        0  -         dpkg    c 1
  3.44 kB   3.19 kB     246 B         -        8  -         -       owned by no package
  9.09 kB   3.54 kB   5.55 kB         -       13                    5 packages and what no package owns
`},
		{"by name", []string{"--sort", "name", "--layer", "1"}, `   stored   visible    wasted    shared    files  layers     type    package
    150 B     150 B       0 B         -        1  1         dpkg    a 2
    162 B     162 B       0 B         -        2  -         -       owned by no package
    312 B     312 B       0 B         -        3                    1 package and what no package owns
`},
		{"unowned", []string{"--unowned", "--layer", "2"}, `   stored   wasted  layer  path
  3.00 kB      0 B      2  /srv/data
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := must(t, append([]string{"packages", "app.tar"}, tt.args...)...); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
	for _, args := range [][]string{{"--layer", "7"}, {"--sort", "size"}, {"--unowned", "--sort", "name"}, {"-f", "html"}} {
		if r := peel(append([]string{"packages", "app.tar"}, args...)...); r.code != 2 || r.err == "" {
			t.Errorf("%q: exit code %d, %q", args, r.code, r.err)
		}
	}
}

func TestPackagesJSON(t *testing.T) {
	s := schema(t, "packages.schema.json")
	inFolder(t, "docker-25", packaged)
	for _, args := range [][]string{nil, {"--layer", "1"}, {"--unowned"}, {"--wasted"}} {
		text := must(t, append([]string{"packages", "app.tar", "-f", "json"}, args...)...)
		valid(t, s, text)
		var doc struct {
			Totals   map[string]int64
			Packages []struct{ StoredBytes, VisibleBytes, WastedBytes int64 }
			Unowned  struct{ StoredBytes, VisibleBytes, WastedBytes int64 }
		}
		if err := json.NewDecoder(strings.NewReader(text)).Decode(&doc); err != nil {
			t.Fatal(err)
		}
		sum := doc.Unowned
		for _, p := range doc.Packages {
			sum.StoredBytes += p.StoredBytes
			sum.VisibleBytes += p.VisibleBytes
			sum.WastedBytes += p.WastedBytes
		}
		if len(args) == 1 && args[0] == "--wasted" {
			continue
		}
		if sum.StoredBytes != doc.Totals["storedBytes"] || sum.VisibleBytes != doc.Totals["visibleBytes"] || sum.WastedBytes != doc.Totals["wastedBytes"] {
			t.Errorf("%q: rows add up to %+v, the totals are %v", args, sum, doc.Totals)
		}
	}
}

// TestPackagesNone checks that an image without a database has one row that says so.
func TestPackagesNone(t *testing.T) {
	inFolder(t, "docker-25", story)
	if got := must(t, "packages", "app.tar"); !strings.Contains(got, "owned by no package") || !strings.Contains(got, "no database of packages was found") {
		t.Errorf("got:\n%s", got)
	}
}

func TestPackageFilter(t *testing.T) {
	inFolder(t, "docker-25", packaged)
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"installed", []string{"--filter", "package:a"}, "/usr/bin/a\n"},
		{"shared", []string{"--filter", "package:c"}, "/usr/bin/b\n"},
		{"a later version", []string{"--layer", "2", "--filter", "package:dpkg:b@1"}, "/usr/bin/b\n"},
		{"removed by its layer", []string{"--layer", "1", "--filter", "package:git"}, "/usr/bin/git\n"},
		{"before", []string{"--at", "0", "--filter", "package:git,a@1"}, "/usr/bin/a\n/usr/bin/git\n"},
		{"another type", []string{"--at", "0", "--filter", "package:rpm:git"}, ""},
		{"of no package", []string{"--layer", "2", "--filter", "package:-"}, "/srv/data\n"},
		{"not", []string{"--layer", "2", "--filter", "!package:b type:file"}, "/srv/data\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := must(t, append([]string{"ls", "app.tar"}, tt.args...)...); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if r := peel("ls", "app.tar", "--filter", "package:a@"); r.code != 2 || !strings.Contains(r.err, "NAME@VERSION") {
		t.Errorf("exit code %d, %q", r.code, r.err)
	}
}

func TestPackageRules(t *testing.T) {
	inFolder(t, "docker-25", packaged)
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"installed", []string{"--forbid-package", "b"}, 1, "b 1 (dpkg) is in the image, from layer 0"},
		{"another version", []string{"--forbid-package", "b@2*"}, 0, "pass forbid-package none"},
		{"a glob", []string{"--forbid-package", "dpkg:?@1"}, 1, "2 packages"},
		{"removed", []string{"--forbid-package", "git"}, 0, "A later layer removes or replaces it, but 5.00 kB are shipped"},
		{"too large", []string{"--max-package-size", "1kB"}, 1, "git 2 (dpkg) stores 5.00 kB, of which 5.00 kB are wasted"},
		{"small enough", []string{"--max-package-size", "10kB"}, 0, "pass max-package-size 5.00 kB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := peel(append([]string{"check", "app.tar", "--min-efficiency", "off", "--user", "off", "--healthcheck", "off"}, tt.args...)...)
			if r.code != tt.code || !strings.Contains(strings.Join(strings.Fields(r.out), " "), tt.says) {
				t.Errorf("exit code %d:\n%s%s", r.code, r.out, r.err)
			}
		})
	}
}

// TestPackagesInReports checks packages with hostile names in reports of every form.
func TestPackagesInReports(t *testing.T) {
	s := schema(t, "report.schema.json")
	hostile := strings.ReplaceAll(packaged, `Package: git\n`, `Package: git<b>|@you\u001b[31m\n`)
	hostile = strings.ReplaceAll(hostile, "info/git.list", "info/git<b>|@you?[31m.list")
	inFolder(t, "docker-25", hostile)
	for _, tt := range []struct{ form, want string }{
		{"text", "5.00 kB  5.00 kB  dpkg    git<b>|@you?[31m 2 (removed)"},
		{"markdown", "| 5.00 kB | 5.00 kB | dpkg |"},
		{"html", "git&lt;b&gt;|@you?[31m"},
		{"json", `"name": "git<b>|@you?[31m"`},
	} {
		got := must(t, "report", "app.tar", "-f", tt.form)
		if !strings.Contains(got, tt.want) || strings.Contains(got, "\x1b") || tt.form == "html" && strings.Contains(got, "<b>|") {
			t.Errorf("%s: no %q in:\n%s", tt.form, tt.want, got)
		}
		if tt.form == "json" {
			valid(t, s, got)
		}
	}
}

// TestPackagesInDiff checks that a comparison shows which packages were added, removed or
// changed version.
func TestPackagesInDiff(t *testing.T) {
	s := schema(t, "diff.schema.json")
	inFolder(t, "docker-25", packaged)
	text := must(t, "diff", "app.tar", "--from", "0", "--to", "2")
	for _, want := range []string{"Packages: 1 removed, 1 upgraded", "-5.00 kB  removed    dpkg    git  2", "+50 B  upgraded   dpkg    a  2 ← 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	back := must(t, "diff", "app.tar", "--from", "0", "--to", "2", "-f", "json")
	valid(t, s, back)
	for _, form := range []string{"markdown", "html"} {
		if got := must(t, "diff", "app.tar", "--from", "0", "--to", "2", "-f", form); !strings.Contains(got, "1 removed, 1 upgraded") {
			t.Errorf("%s:\n%s", form, got)
		}
	}
}
