package packages

import (
	"bytes"
	"path"
	"strings"
	"unicode/utf8"
)

// Facts are what was drawn of one file, as lines of text. The first names the kind of
// database. The others are, each with a letter before it:
//
//	p NAME VERSION ARCHITECTURE STATE   a package, tabs between; what follows is its
//	d DIR                               the directory of the files that follow
//	f NAME                              a file in it that the package owns
//	t DIR                               a directory of which the package owns all; "."
//	                                    is the one that holds the file
//	s                                   the package owns the file that this was drawn of
//	i                                   the package lies inside of that file
//	v FROM TO BY                        a diversion, tabs between
//	! PROBLEM                           what is wrong with the file
//
// Paths are absolute and clean. A directory stands once for the files in it that
// follow each other: so they are short, and looked up quickly.
type Facts struct {
	b   []byte
	dir string // of the last d
	any bool   // there is a package
}

// Bounds on the facts of one file.
const (
	maxFacts    = 16 << 20 // bytes
	maxName     = 512      // bytes of a name or version
	maxProblems = 8
)

func (f *Facts) begin(kind string) { f.b = append(append(f.b, kind...), '\n') }

// full reports whether no more is kept of the file.
func (f *Facts) full() bool { return len(f.b) > maxFacts }

// field makes a name or a version fit for a line: without control characters, valid,
// and bounded.
func field(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxName {
		s = s[:maxName]
	}
	clean := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			clean = false
		}
	}
	if !clean {
		s = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return '?'
			}
			return r
		}, s)
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "?")
	}
	return s
}

// pkg begins a package.
func (f *Facts) pkg(name, version, arch, state string) {
	if f.full() {
		return
	}
	f.any, f.dir = true, ""
	f.b = append(f.b, 'p')
	f.b = append(f.b, field(name)+"\t"+field(version)+"\t"+field(arch)+"\t"+field(state)+"\n"...)
}

// file adds a path that the package lists: it is absolute, or counts from the root.
func (f *Facts) file(p string) { f.fileAt([]byte(p)) }

// fileAt is file of bytes that are not kept.
func (f *Facts) fileAt(p []byte) {
	if bytes.IndexByte(p, '\n') >= 0 || len(p) > maxPath {
		return
	}
	if len(p) == 0 || p[0] != '/' || !isClean(p) {
		p = []byte(path.Clean("/" + string(p)))
	}
	at := bytes.LastIndexByte(p, '/')
	dir, base := p[:at], p[at+1:]
	if len(base) == 0 || f.full() {
		return
	}
	if string(dir) != f.dir {
		f.dir = string(dir)
		f.b = append(append(append(f.b, 'd'), dir...), '\n')
	}
	f.b = append(append(append(f.b, 'f'), base...), '\n')
}

// maxPath is the length of the longest path that a system takes.
const maxPath = 4096

// isClean reports whether an absolute path is surely clean.
func isClean(p []byte) bool {
	return p[len(p)-1] != '/' && !bytes.Contains(p, []byte("//")) && !bytes.Contains(p, []byte("/."))
}

// tree adds a directory of which the package owns all.
func (f *Facts) tree(dir string) {
	if strings.IndexByte(dir, '\n') < 0 && len(dir) <= maxPath {
		f.b = append(append(append(f.b, 't'), path.Clean("/"+dir)...), '\n')
	}
}

// around says that the package owns all in the directory that holds the file.
func (f *Facts) around() { f.b = append(f.b, "t.\n"...) }

// self says that the package owns the file that the facts are drawn of.
func (f *Facts) self() { f.b = append(f.b, "s\n"...) }

// inside says that the package lies inside of that file.
func (f *Facts) inside() { f.b = append(f.b, "i\n"...) }

// diversion adds a diversion: whatever package but by lists from has its file at to.
func (f *Facts) diversion(from, to, by string) {
	if strings.ContainsAny(from+to, "\t\n") || len(from)+len(to) > 2*maxPath || f.full() {
		return
	}
	f.b = append(f.b, "v"+path.Clean("/"+from)+"\t"+path.Clean("/"+to)+"\t"+field(by)+"\n"...)
}

// problem says what is wrong with the file.
func (f *Facts) problem(text string) {
	f.b = append(f.b, "!"+field(text)+"\n"...)
}

// A Package is what a database says of one package.
type Package struct {
	Name, Version, Arch string
	State               string // dpkg's: "installed", "config-files"; "" for those of others
	Dirs                []Dir  // the files that it lists
	Trees               []string
	Self                bool // it owns the file that the fact was drawn of
	Inside              bool // it lies inside of that file
}

// A Dir is files of one directory.
type Dir struct {
	Path  string // "" for the root
	Names []string
}

// A Diversion says that a path of all packages but By lies elsewhere.
type Diversion struct{ From, To, By string }

// A Read is what the facts of one file say.
type Read struct {
	Kind       string // of database
	Type       string // of its packages
	Packages   []Package
	Diversions []Diversion
	Problems   []string
}

// Decode reads facts. They may come from an index that anybody has written: what is
// not understood is passed over.
func Decode(b []byte) Read {
	// One string, of which all others are parts.
	text := string(b)
	first, text, _ := strings.Cut(text, "\n")
	r := Read{}
	for _, k := range kinds {
		if k.name == first {
			r.Kind, r.Type = k.name, k.typ
		}
	}
	if r.Kind == "" {
		return r
	}
	var p *Package
	var dir *Dir
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if line == "" {
			continue
		}
		rest := line[1:]
		switch line[0] {
		case 'p':
			r.Packages = append(r.Packages, readPackage(rest))
			p, dir = &r.Packages[len(r.Packages)-1], nil
		case 'v':
			if parts := strings.Split(rest, "\t"); len(parts) == 3 {
				r.Diversions = append(r.Diversions, Diversion{parts[0], parts[1], parts[2]})
			}
		case '!':
			if len(r.Problems) < maxProblems {
				r.Problems = append(r.Problems, rest)
			}
		default:
			if p == nil {
				continue
			}
			dir = p.add(line[0], rest, dir)
		}
	}
	return r
}

// add reads a line that belongs to a package, and returns the directory of the files
// that follow.
func (p *Package) add(letter byte, rest string, dir *Dir) *Dir {
	switch letter {
	case 'd':
		p.Dirs = append(p.Dirs, Dir{Path: rest})
		return &p.Dirs[len(p.Dirs)-1]
	case 'f':
		if dir == nil {
			dir = p.add('d', "", nil)
		}
		if rest != "" && rest != "." && rest != ".." && !strings.Contains(rest, "/") {
			dir.Names = append(dir.Names, rest)
		}
	case 't':
		p.Trees = append(p.Trees, rest)
	case 's':
		p.Self = true
	case 'i':
		p.Inside = true
	}
	return dir
}

func readPackage(line string) Package {
	parts := strings.SplitN(line, "\t", 5)
	for len(parts) < 4 {
		parts = append(parts, "")
	}
	return Package{Name: field(parts[0]), Version: field(parts[1]), Arch: field(parts[2]), State: field(parts[3])}
}
