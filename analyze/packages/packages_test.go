package packages

import (
	"archive/zip"
	"bytes"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// drawn reads a file with this name and content as the scan of a layer does, once while passing
// it and once with random access.
func drawn(t *testing.T, name string, mode int64, content []byte) Read {
	t.Helper()
	r := &source.Record{Name: []byte(name), Size: int64(len(content)), Mode: mode}
	c := Collector()
	if !c.Wants(r) {
		t.Fatalf("%s is skipped", name)
	}
	var in io.Reader = bytes.NewReader(content)
	var at io.ReaderAt
	if c.Placed(r) {
		in, at = nil, bytes.NewReader(content)
	}
	b, err := c.DrawFile(r, in, at)
	if err != nil {
		t.Fatal(err)
	}
	return Decode(b)
}

// text formats what was read from a file.
func (r *Read) text() string {
	var b strings.Builder
	for _, p := range r.Packages {
		fmt.Fprintf(&b, "%s %s %q", r.Type, p.Name, p.Version)
		if p.State != "" {
			b.WriteString(" " + p.State)
		}
		for _, d := range p.Dirs {
			for _, name := range d.Names {
				b.WriteString(" " + d.Path + "/" + name)
			}
		}
		for _, tree := range p.Trees {
			b.WriteString(" all of " + tree)
		}
		if p.Self {
			b.WriteString(" self")
		}
		if p.Inside {
			b.WriteString(" inside")
		}
		b.WriteByte('\n')
	}
	for _, d := range r.Diversions {
		fmt.Fprintf(&b, "diversion %s %s %s\n", d.From, d.To, d.By)
	}
	for _, p := range r.Problems {
		b.WriteString("problem: " + p + "\n")
	}
	return b.String()
}

func TestDatabases(t *testing.T) {
	tests := []struct{ name, file, content, want string }{
		{"dpkg", "./var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1:2-3\nDescription: x\n Package: no\n\nPackage: b\nStatus: deinstall ok config-files\nVersion: 2\n\nPackage: c\nStatus: purge ok not-installed\nVersion: 3\n", `dpkg a "1:2-3" installed
dpkg b "2" config-files
`},
		{"an empty status", "var/lib/dpkg/status", "\n\n", "problem: no package in it\n"},
		{"a package of distroless", "var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 1\n", "dpkg base-files \"1\"\n"},
		{"its files", "var/lib/dpkg/status.d/base.md5sums", "0123  etc/issue\n4567  usr/share/a b\n", "dpkg base \"\" /etc/issue /usr/share/a b\n"},
		{"a list", "/var/lib/dpkg/info/libc6:amd64.list", "/.\n/lib\n/lib/a\n/lib/./../b\n", "dpkg libc6:amd64 \"\" /lib /lib/a /b\n"},
		{"diversions", "var/lib/dpkg/diversions", "/bin/sh\n/bin/sh.distrib\ndash\n/a\n/b\n:\n", "diversion /bin/sh /bin/sh.distrib dash\ndiversion /a /b :\n"},
		{"apk", "lib/apk/db/installed", "C:Q1\nP:musl\nV:1.2-r3\nA:x86_64\nF:lib\nR:ld.so\nZ:Q1\nR:libc.so\nF:etc\n\nP:empty\nV:0\n\n", `apk musl "1.2-r3" /lib/ld.so /lib/libc.so
apk empty "0"
`},
		{"apk after the merge of /usr", "usr/lib/apk/db/installed", "P:a\nV:1\nF:\nR:x\n", "apk a \"1\" /x\n"},
		{"METADATA", "usr/lib/python3/site-packages/foo_bar-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: Foo.Bar\nVersion: 1.0\n\nName: no\n", "python Foo.Bar \"1.0\"\n"},
		{"METADATA without a name", "x/foo-1.0.dist-info/METADATA", "\nName: no\n", "python foo \"1.0\"\n"},
		{"RECORD", "lib/site/foo-1.0.dist-info/RECORD", "foo/a.py,sha256=x,1\n../../bin/foo,,\n\"a,\"\"b\",,\n/opt/x,,\nbad\n", `python foo "1.0" /lib/site/foo/a.py /bin/foo /lib/site/a,"b /opt/x
problem: lines without exactly three columns were skipped
`},
		{"an egg", "lib/foo-1.egg-info/installed-files.txt", "../foo/a.py\nPKG-INFO\n", "python foo \"1\" /lib/foo/a.py /lib/foo-1.egg-info/PKG-INFO\n"},
		{"conda", "opt/conda/conda-meta/zlib-1.2-h0.json", `{"name":"zlib","version":"1.2","files":["lib/libz.so"]}`, "conda zlib \"1.2\" /opt/conda/lib/libz.so /opt/conda/conda-meta/zlib-1.2-h0.json\n"},
		{"npm", "app/node_modules/@s/a/package.json", `{"name":"@s/a","version":"2.0.0"}`, "npm @s/a \"2.0.0\" all of .\n"},
		{"npm without a name", "app/node_modules/a/package.json", `{"version":3}`, "npm a \"\" all of .\n"},
		{"npm that is no JSON", "app/node_modules/a/package.json", `{`, "npm a \"\" all of .\nproblem: not the JSON of a package\n"},
		{"a gem", "var/lib/gems/3.1.0/specifications/rake-13.0.6.gemspec", "Gem::Specification.new do |s|\n  s.name = \"rake\".freeze\n  s.version = \"13.0.6\"\n", "gem rake \"13.0.6\" all of /var/lib/gems/3.1.0/gems/rake-13.0.6 self\n"},
		{"a gem of Ruby's own", "usr/lib/ruby/gems/3.1.0/specifications/default/json-2.6.gemspec", "", ""},
		{"names with control characters", "lib/apk/db/installed", "P:a\x1b[31m\nV:1\t2\nF:\nR:x\x1by\n", "apk a?[31m \"1?2\" /x\x1by\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.content == "" {
				return
			}
			got := drawn(t, tt.file, 0o644, []byte(tt.content))
			if s := got.text(); s != tt.want {
				t.Errorf("got:\n%swant:\n%s", s, tt.want)
			}
		})
	}
}

// TestNoDatabases checks that files with other names or in other places aren't taken for
// databases.
func TestNoDatabases(t *testing.T) {
	for _, name := range []string{
		"status", "srv/var/lib/dpkg/status", "var/lib/dpkg/info/a.postinst", "var/lib/dpkg/status.d", "app/package.json",
		"app/node_modules/a/lib/package.json", "app/node_modules/.cache/package.json", "RECORD", "x/METADATA", "a", "",
	} {
		if Collector().Wants(&source.Record{Name: []byte(name), Size: 100, Mode: 0o644}) {
			t.Errorf("%q is read", name)
		}
	}
}

// TestGoProgram checks that a Go program gives the same facts as debug/buildinfo.
func TestGoProgram(t *testing.T) {
	testkit.Long(t, "it builds programs")
	if runtime.GOOS != "linux" {
		t.Skip("only ELF files are read")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/tiny\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, mode := range []string{"exe", "pie"} { // the first is as small as a Go program gets
		build := exec.CommandContext(t.Context(), "go", "build", "-buildmode="+mode, "-buildvcs=false", "-ldflags=-s -w", "-trimpath", "-o", mode, ".")
		build.Dir = dir
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for _, program := range []string{self, filepath.Join(dir, "exe"), filepath.Join(dir, "pie")} {
		b, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		got := drawn(t, "usr/bin/program", 0o755, b)
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Packages) != 1 || got.Packages[0].Name != info.Main.Path || got.Packages[0].Version != strings.Trim(info.Main.Version, "()devl") || !got.Packages[0].Self {
			t.Errorf("%s: got %q, want %v", program, got.text(), info.Main)
		}
	}
	if got := drawn(t, "bin/no", 0o755, bytes.Repeat([]byte("\x7fELF"), 200_000)); len(got.Packages) > 0 {
		t.Errorf("file that isn't a program: %v", got)
	}
}

func TestJar(t *testing.T) {
	inner := zipOf(map[string]string{"META-INF/maven/org.b/b/pom.properties": "groupId=org.b\nartifactId=b\nversion=2\n"})
	jar := zipOf(map[string]string{
		"META-INF/maven/org.a/app/pom.properties":   "#x\nversion=1\ngroupId=org.a\nartifactId=app\n",
		"META-INF/maven/org.a/other/pom.properties": "version=1\ngroupId=org.a\nartifactId=other\n",
		"BOOT-INF/lib/b-2.jar":                      string(inner),
		"BOOT-INF/lib/broken.jar":                   "PK",
	})
	got := drawn(t, "app/app-1.jar", 0o644, jar)
	lines := strings.Split(strings.TrimSpace(got.text()), "\n")
	slices.Sort(lines)
	want := []string{`java org.a:app "1" self`, `java org.a:other "1" inside`, `java org.b:b "2" inside`, "problem: a jar inside it cannot be read"}
	if !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	yarn := drawn(t, "app/.yarn/cache/x-npm-1-0.zip", 0o644, zipOf(map[string]string{"node_modules/@s/x/package.json": `{"name":"@s/x","version":"1"}`}))
	if s := yarn.text(); s != "npm @s/x \"1\" self\n" {
		t.Errorf("yarn: %q", s)
	}
}

func zipOf(files map[string]string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err != nil {
			panic(err)
		}
		_, _ = w.Write([]byte(content))
	}
	_ = z.Close()
	return b.Bytes()
}

// FuzzDraw checks that no content makes a database reader panic, and that the facts are bounded
// and survive a round trip.
func FuzzDraw(f *testing.F) {
	names := []string{
		"var/lib/dpkg/status", "var/lib/dpkg/status.d/a", "var/lib/dpkg/info/a.list", "var/lib/dpkg/status.d/a.md5sums", "var/lib/dpkg/diversions",
		"lib/apk/db/installed", "var/lib/rpm/Packages", "var/lib/rpm/rpmdb.sqlite-wal", "a.dist-info/METADATA", "a.dist-info/RECORD", "a.egg-info/PKG-INFO",
		"a.egg-info/installed-files.txt", "conda-meta/a.json", "node_modules/a/package.json", ".yarn/cache/a.zip", "specifications/a-1.gemspec", "a.jar", "bin/program",
	}
	for i := range names {
		f.Add(i, []byte("Package: a\nVersion: 1\n\nP:a\nF:b\nR:c\na,b,c\n/a\n/b\n"))
		f.Add(i, zipOf(map[string]string{"META-INF/maven/a/b/pom.properties": "artifactId=x\n", "node_modules/a/package.json": "{}", "x.jar": string(zipOf(nil))}))
		f.Add(i, append([]byte("RpmP\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"), make([]byte, 5000)...))
		f.Add(i, append([]byte("SQLite format 3\x00\x02\x00\x01\x01\x00"), make([]byte, 1024)...))
		f.Add(i, append([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x61\x15\x06\x00\x09\x00\x00\x00\x00\x02\x00\x00"), make([]byte, 2048)...))
		f.Add(i, []byte("\x7fELF\x02\x01"+strings.Repeat("\x00", 26)+"\x40\x00\x00\x00\x00\x00\x00\x00"+strings.Repeat("\x00", 14)+"\x38\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x06\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00"+strings.Repeat("\x00", 16)+"\x60\x00\x00\x00\x00\x00\x00\x00"+strings.Repeat("\x00", 24)+"\xff Go buildinf:\x08\x02"+strings.Repeat("\x00", 80)))
	}
	f.Fuzz(func(t *testing.T, which int, content []byte) {
		name := names[uint(which)%uint(len(names))]
		r := &source.Record{Name: []byte(name), Size: int64(len(content)), Mode: 0o755}
		k := kindOf(r)
		if name == "bin/program" {
			k = goProgram // smaller than any Go program
		}
		if k == nil {
			return
		}
		facts := &Facts{}
		facts.begin(k.name)
		var err error
		if k.drawAt != nil {
			err = k.drawAt(facts, name, bytes.NewReader(content), int64(len(content)))
		} else {
			err = k.draw(facts, name, bytes.NewReader(content))
		}
		if err != nil {
			facts.problem(err.Error())
		}
		if len(facts.b) > maxFacts+1<<20 {
			t.Errorf("%d bytes of facts", len(facts.b))
		}
		read := Decode(facts.b)
		for _, p := range read.Packages {
			if strings.ContainsAny(p.Name+p.Version, "\n\t\x1b") {
				t.Errorf("control characters in %q %q", p.Name, p.Version)
			}
			for _, d := range p.Dirs {
				if d.Path != "" && d.Path[0] != '/' || strings.Contains(d.Path+"/", "/../") {
					t.Errorf("directory %q", d.Path)
				}
			}
		}
		Decode(content)
	})
}
