package analyze_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestPackagesAtRandom checks packages against a naive implementation of the rules in
// docs/packages.md, on random images with made-up databases. It compares every package, layer
// and byte, and checks that all rows add up to the image.
func TestPackagesAtRandom(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "image.tar")
	owned := 0
	for seed := range uint64(cases(300, 20_000)) {
		d := testkit.Throw(seed + 1<<32)
		im := withDatabases(d, d.Image())
		f := &testkit.Fixture{Images: []*testkit.Image{im}}
		if err := os.WriteFile(archive, testkit.ShapeNamed("docker-20").Archive(f), 0o600); err != nil {
			t.Fatal(err)
		}
		want := naivePackages(im)
		for ref, stream := range map[string][]byte{archive: nil, "-": testkit.ShapeNamed("kaniko").Archive(f)} {
			a := withPackages(t, ref, stream)
			p, err := a.Packages(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			checkPackageSums(t, a, p)
			if got := packageFacts(p); got != want {
				t.Fatalf("seed %d, %s:\ngot:\n%s\nwant:\n%s\nthe image:\n%s", seed, ref, got, want, testkit.Text(im))
			}
		}
		for line := range strings.SplitSeq(want, "\n") {
			if !strings.HasPrefix(line, "-") && !strings.Contains(line, " stored 0 ") {
				owned++
			}
		}
	}
	if owned < testkit.Rounds(200) {
		t.Errorf("%d packages own files: the images don't test much", owned)
	}
}

func withPackages(t *testing.T, ref string, stream []byte) *analyze.Analysis {
	t.Helper()
	img, err := source.Open(t.Context(), ref, source.Options{Stdin: bytes.NewReader(stream), Collect: analyze.Collectors()})
	if err != nil {
		t.Fatal(err)
	}
	a, err := analyze.Run(t.Context(), img, analyze.Options{Packages: stream == nil}) // while comparing, and afterwards
	if err := errors.Join(err, img.Close()); err != nil {
		t.Fatal(err)
	}
	return a
}

// checkPackageSums checks that all rows add up to the image, in total and by layer.
func checkPackageSums(t *testing.T, a *analyze.Analysis, p *analyze.Packages) {
	t.Helper()
	var stored, visible, wasted int64
	layers := make([]int64, len(a.Layers))
	dead := make([]int64, len(a.Layers))
	for _, x := range append(slices.Clone(p.Rows), p.Unowned) {
		stored, visible, wasted = stored+x.Stored, visible+x.Visible, wasted+x.Wasted
		for _, l := range x.Layers {
			layers[l.Layer] += l.Stored
			dead[l.Layer] += l.Wasted
		}
	}
	if stored != a.Totals.Stored || visible != a.Totals.Visible || wasted != a.Totals.Wasted {
		t.Errorf("packages: %d stored, %d visible, %d wasted; the image: %d, %d, %d", stored, visible, wasted, a.Totals.Stored, a.Totals.Visible, a.Totals.Wasted)
	}
	for k, l := range a.Layers {
		if layers[k] != l.Stored || dead[k] != l.Wasted {
			t.Errorf("layer %d: packages store %d and waste %d; the layer stores %d and wastes %d", k, layers[k], dead[k], l.Stored, l.Wasted)
		}
	}
}

// packageFacts formats all facts about packages.
func packageFacts(p *analyze.Packages) string {
	var b strings.Builder
	line := func(x *analyze.Package) {
		fmt.Fprintf(&b, "%s %s %s stored %d wasted %d shared %d installed %v layers", x.Type, x.Name, x.Version, x.Stored, x.Wasted, x.Shared, x.Installed)
		for _, l := range x.Layers {
			fmt.Fprintf(&b, " %d:%d/%d", l.Layer, l.Stored, l.Wasted)
		}
		b.WriteByte('\n')
	}
	for i := range p.Rows {
		line(&p.Rows[i])
	}
	x := p.Unowned
	x.Type = "-"
	line(&x)
	return b.String()
}

// withDatabases adds databases to a random image, and symlinks that lead elsewhere.
func withDatabases(d *testkit.Dice, im *testkit.Image) *testkit.Image {
	file := func(l *testkit.Layer, name, text string) {
		if text != "" {
			l.Entries = append(l.Entries, testkit.Entry{Type: '0', Name: name, Mode: 0o644, Time: testkit.DefaultTime, Text: text, Size: int64(len(text))})
		}
	}
	for _, l := range im.Layers {
		if d.Roll(2) == 0 {
			file(l, "var/lib/dpkg/status", madeStatus(d))
		}
		for _, name := range []string{"p", "q", "r:amd64"} {
			switch d.Roll(4) {
			case 0, 1:
				file(l, "var/lib/dpkg/info/"+name+".list", "/.\n"+madePaths(d, "/", ""))
			case 2:
				if d.Roll(3) == 0 {
					file(l, "var/lib/dpkg/info/.wh."+name+".list", "")
					l.Entries = append(l.Entries, testkit.Entry{Type: '0', Name: "var/lib/dpkg/info/.wh." + name + ".list", Time: testkit.DefaultTime})
				}
			}
		}
		switch d.Roll(6) {
		case 0:
			file(l, "var/lib/dpkg/diversions", "/a/b\n/c\np\n/a\n/b/c\n:\n")
		case 1:
			l.Entries = append(l.Entries, testkit.Entry{Type: '0', Name: "var/lib/dpkg/.wh.status", Time: testkit.DefaultTime})
		case 2:
			file(l, d.Of("", "usr/")+"lib/apk/db/installed", madeApk(d))
		case 3:
			file(l, "opt/x-1.dist-info/METADATA", "Name: x\nVersion: "+d.Of("1", "2")+"\n\nName: y\n")
		}
		switch d.Roll(5) {
		case 0:
			file(l, "opt/x-1.dist-info/RECORD", madePaths(d, "../", ",sha256=x,1")+"../c,,\n/b/c,,\n")
		case 1, 2:
			at := d.Of("a", "b", "a/b")
			file(l, at+"/node_modules/"+d.Of("m", "@s/n")+"/package.json", `{"name":"`+d.Of("m", "n")+`","version":"`+d.Of("1", "2")+`"}`)
			file(l, at+"/node_modules/m/"+d.Of("a", "node_modules/q/index.js"), d.Of("text", "more"))
		}
	}
	return im
}

func madeStatus(d *testkit.Dice) string {
	var b strings.Builder
	for _, name := range []string{"p", "q", "r"} {
		if d.Roll(3) > 0 {
			fmt.Fprintf(&b, "Package: %s\nStatus: %s\nArchitecture: amd64\nVersion: %s\nDescription: x\n Package: no\n\n", name,
				d.Of("install ok installed", "install ok installed", "deinstall ok config-files", "purge ok not-installed"), d.Of("1", "2"))
		}
	}
	return b.String()
}

func madePaths(d *testkit.Dice, before, after string) string {
	var b strings.Builder
	for range 1 + d.Roll(5) {
		parts := make([]string, 1+d.Roll(3))
		for i := range parts {
			parts[i] = d.Of("a", "b", "c")
		}
		b.WriteString(before + strings.Join(parts, "/") + after + "\n")
	}
	return b.String()
}

func madeApk(d *testkit.Dice) string {
	var b strings.Builder
	for _, name := range []string{"p", "z"} {
		fmt.Fprintf(&b, "P:%s\nV:%s\nF:%s\nR:%s\nR:%s\nF:\nR:%s\n\n", name, d.Of("1", "2"), d.Of("a", "a/b", "c"), d.Of("a", "b"), d.Of("b", "c"), d.Of("a", "b", "c"))
	}
	return b.String()
}

// What follows implements the rules again in the simplest way: for every version it reads all
// databases as of that layer, and resolves every path that they list in that union.

type npkg struct{ name, version, typ string }

type naiveReader struct {
	o    *overlay
	last int
}

// text returns the content of a file after a layer; false if it is not there.
func (r *naiveReader) text(p string, layer int) (string, bool) {
	v := r.o.unions[layer][p]
	if v == nil || v.kind() != '0' || v.inode == nil || v.inode.missing || v.typ != '0' || len(v.inode.content) == 0 {
		return "", false
	}
	return string(v.inode.content), true
}

// nearest returns a database's content: from the layer itself, or from the nearest lower layer
// that has the database.
func (r *naiveReader) nearest(p string, layer int) (string, int, bool) {
	for k := layer; k >= 0; k-- {
		for _, v := range r.o.versions[p] {
			if v.layer == k && !v.dup && v.typ == '0' && len(v.inode.content) > 0 {
				return string(v.inode.content), k, true
			}
		}
	}
	return "", -1, false
}

// place resolves the symlinks in the directory of a path as of a layer.
func (r *naiveReader) place(p string, layer int) (string, bool) {
	todo := strings.Split(strings.Trim(path.Dir(p), "/"), "/")
	at, links := "/", 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		if !r.ever(next) {
			return "", false
		}
		v := r.o.unions[layer][next]
		if v == nil || v.kind() != '2' || v.inode.missing {
			at = next
			continue
		}
		if links++; links > 40 {
			return "", false
		}
		if strings.HasPrefix(v.inode.link, "/") {
			at = "/"
		}
		todo = append(strings.Split(v.inode.link, "/"), todo...)
	}
	return path.Join(at, path.Base(p)), true
}

// ever reports whether any layer mentions a path or one below it.
func (r *naiveReader) ever(p string) bool {
	for q := range r.o.versions {
		if q == p || strings.HasPrefix(q, p+"/") {
			return true
		}
	}
	return false
}

type nstanza struct{ name, version, arch, state string }

func stanzas(text string) (out []nstanza) {
	for s := range strings.SplitSeq(text, "\n\n") {
		var x nstanza
		for line := range strings.SplitSeq(s, "\n") {
			key, value, _ := strings.Cut(line, ": ")
			switch key {
			case "Package":
				x.name = value
			case "Version":
				x.version = value
			case "Architecture":
				x.arch = value
			case "Status":
				words := strings.Fields(value)
				x.state = words[2]
			}
		}
		if x.name != "" && x.state != "not-installed" {
			out = append(out, x)
		}
	}
	return out
}

// status returns the nearest status file with a package in it.
func (r *naiveReader) status(layer int) []nstanza {
	for k := layer; k >= 0; {
		text, at, ok := r.nearest("/var/lib/dpkg/status", k)
		if !ok {
			return nil
		}
		if all := stanzas(text); len(all) > 0 {
			return all
		}
		k = at - 1
	}
	return nil
}

// dpkgList returns a package's list of files as it counts for a layer.
func (r *naiveReader) dpkgList(name string, layer int) string {
	p := "/var/lib/dpkg/info/" + name + ".list"
	now := ""
	for k := 0; k <= layer; k++ {
		text, there := r.text(p, k)
		_, status := r.text("/var/lib/dpkg/status", k)
		var own, gone bool
		for _, v := range r.o.versions[p] {
			if v.layer == k && !v.dup {
				own, gone = v.change != "removed", v.change == "removed"
			}
		}
		switch {
		case own && there:
			now = text
		case gone && status:
			now = ""
		case !there && status && now != "":
			now = ""
		}
	}
	return now
}

// listing calls add with every path that counts for a layer, and the path's package.
func (r *naiveReader) listing(layer int, add func(p string, of npkg)) {
	diversions := ""
	if text, ok := r.text("/var/lib/dpkg/diversions", layer); ok {
		diversions = text
	}
	for _, s := range r.status(layer) {
		of := npkg{s.name, s.version, "dpkg"}
		text := r.dpkgList(s.name, layer) + r.dpkgList(s.name+":"+s.arch, layer)
		for p := range strings.FieldsSeq(text) {
			three := strings.Split(diversions, "\n")
			for i := 0; i+2 < len(three); i += 3 {
				if three[i] == p && three[i+2] != s.name {
					p = three[i+1]
					break
				}
			}
			add(p, of)
		}
	}
	apk, at, _ := r.nearest("/usr/lib/apk/db/installed", layer)
	if other, before, ok := r.nearest("/lib/apk/db/installed", layer); ok && before >= at {
		apk = other
	}
	var of npkg
	dir := ""
	for line := range strings.SplitSeq(apk, "\n") {
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "P":
			of = npkg{name: value, typ: "apk"}
		case "V":
			of.version = value
		case "F":
			dir = value
		case "R":
			add("/"+dir+"/"+value, of)
		}
	}
	if record, ok := r.text("/opt/x-1.dist-info/RECORD", layer); ok {
		if whose, ok := r.pythonName(layer); ok {
			for line := range strings.FieldsSeq(record) {
				p, _, _ := strings.Cut(line, ",")
				if !strings.HasPrefix(p, "/") {
					p = "/opt/" + p
				}
				add(p, whose)
			}
		}
	}
}

// pythonName returns the package that the RECORD of opt/x-1.dist-info belongs to.
func (r *naiveReader) pythonName(layer int) (npkg, bool) {
	if text, ok := r.text("/opt/x-1.dist-info/METADATA", layer); ok {
		return metadataName(text), true
	}
	for k := range layer + 1 {
		if _, ever := r.text("/opt/x-1.dist-info/METADATA", k); ever {
			return npkg{}, false // it was there, and was removed
		}
	}
	for k := layer; k <= r.last; k++ {
		if text, ok := r.text("/opt/x-1.dist-info/METADATA", k); ok {
			return metadataName(text), true // it comes later
		}
	}
	return npkg{"x", "1", "python"}, true
}

func metadataName(text string) npkg {
	lines := strings.Split(text, "\n")
	return npkg{strings.TrimPrefix(lines[0], "Name: "), strings.TrimPrefix(lines[1], "Version: "), "python"}
}

// npm returns the package that a path belongs to, judging by its directory.
func (r *naiveReader) npm(p string, layer int) (npkg, bool) {
	for at := p; at != "/"; at = path.Dir(at) {
		ever := false
		for _, v := range r.o.versions[at+"/package.json"] {
			ever = ever || !v.dup && v.typ == '0' && len(v.inode.content) > 0 && isNpm(at)
		}
		if ever {
			text, ok := r.text(at+"/package.json", layer)
			return npmName(text), ok
		}
		if path.Base(at) == "node_modules" {
			return npkg{}, false
		}
	}
	return npkg{}, false
}

func isNpm(dir string) bool {
	above := path.Dir(dir)
	if strings.HasPrefix(path.Base(above), "@") {
		above = path.Dir(above)
	}
	return path.Base(above) == "node_modules"
}

func npmName(text string) npkg {
	parts := strings.Split(text, `"`)
	if len(parts) < 8 {
		return npkg{}
	}
	return npkg{parts[3], parts[7], "npm"}
}

// naivePackages formats the same facts as packageFacts, from the naive implementation.
func naivePackages(im *testkit.Image) string {
	r := &naiveReader{o: overlayOf(im), last: len(im.Layers) - 1}
	rows := map[npkg]*analyze.Package{}
	row := func(of npkg) *analyze.Package {
		if rows[of] == nil {
			rows[of] = &analyze.Package{Name: of.name, Version: of.version, Type: of.typ}
		}
		return rows[of]
	}
	lists := make([]map[string][]npkg, len(im.Layers))
	for k := range im.Layers {
		lists[k] = map[string][]npkg{}
		r.listing(k, func(p string, of npkg) {
			if at, ok := r.place(path.Clean(p), k); ok {
				lists[k][at] = append(lists[k][at], of)
			}
		})
		r.known(k, row)
	}
	var rest analyze.Package
	for _, n := range r.o.inodes {
		names := n.names
		if n.aside || len(names) == 0 {
			names = append([]*nversion{n.carrier}, names...)
		}
		of := map[npkg]bool{}
		for _, v := range names {
			if n.aside && v == n.carrier {
				continue
			}
			for _, x := range lists[v.layer][v.path] {
				of[x] = true
			}
			if x, ok := r.npm(v.path, v.layer); ok {
				of[x] = true
			}
		}
		first := &rest
		all := slices.SortedFunc(maps.Keys(of), func(a, b npkg) int {
			return strings.Compare(a.name+"\x00"+a.version+"\x00"+a.typ, b.name+"\x00"+b.version+"\x00"+b.typ)
		})
		for i, x := range all {
			if i == 0 {
				first = row(x)
			} else {
				row(x).Shared += n.stored
			}
		}
		if n.stored == 0 {
			continue
		}
		wasted := int64(0)
		if n.died >= 0 {
			wasted = n.stored
		}
		naiveAdd(first, n.carrier.layer, n.stored, wasted)
	}
	p := &analyze.Packages{Unowned: rest}
	for _, x := range rows {
		p.Rows = append(p.Rows, *x)
	}
	slices.SortFunc(p.Rows, func(a, b analyze.Package) int {
		return strings.Compare(a.Name+"\x00"+a.Version+"\x00"+a.Type, b.Name+"\x00"+b.Version+"\x00"+b.Type)
	})
	return packageFacts(p)
}

// known adds a row for each package in the databases of layer k, and marks those of the last
// layer as installed.
func (r *naiveReader) known(k int, row func(npkg) *analyze.Package) {
	last := k == r.last
	there := func(of npkg, installed bool) {
		x := row(of)
		x.Installed = x.Installed || last && installed
	}
	for _, s := range r.status(k) {
		there(npkg{s.name, s.version, "dpkg"}, s.state != "config-files")
	}
	apk, at, _ := r.nearest("/usr/lib/apk/db/installed", k)
	if other, before, ok := r.nearest("/lib/apk/db/installed", k); ok && before >= at {
		apk = other
	}
	lines := strings.Split(apk, "\n")
	for i := 0; i+1 < len(lines); i++ {
		if name, ok := strings.CutPrefix(lines[i], "P:"); ok {
			there(npkg{name, strings.TrimPrefix(lines[i+1], "V:"), "apk"}, true)
		}
	}
	if text, ok := r.text("/opt/x-1.dist-info/METADATA", k); ok {
		there(metadataName(text), true)
	} else if _, ok := r.text("/opt/x-1.dist-info/RECORD", k); ok {
		ever := false
		for j := range r.last + 1 {
			_, there := r.text("/opt/x-1.dist-info/METADATA", j)
			ever = ever || there
		}
		if !ever {
			there(npkg{"x", "1", "python"}, true)
		}
	}
	for p, v := range r.o.unions[k] {
		if dir, ok := strings.CutSuffix(p, "/package.json"); ok && isNpm(dir) && v.typ == '0' {
			if text, ok := r.text(p, k); ok {
				there(npmName(text), true)
			}
		}
	}
}

func naiveAdd(x *analyze.Package, layer int, stored, wasted int64) {
	x.Stored += stored
	x.Wasted += wasted
	i := slices.IndexFunc(x.Layers, func(l analyze.PackageLayer) bool { return l.Layer >= layer })
	if i < 0 {
		i = len(x.Layers)
	}
	if i == len(x.Layers) || x.Layers[i].Layer != layer {
		x.Layers = slices.Insert(x.Layers, i, analyze.PackageLayer{Layer: layer})
	}
	x.Layers[i].Stored += stored
	x.Layers[i].Wasted += wasted
}
