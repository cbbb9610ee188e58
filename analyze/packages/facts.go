package packages

import (
	"bytes"
	"path"
	"strings"
	"unicode/utf8"
)

// Facts are the result for one file, as lines of text. The first line names the kind of database.
// The others start with a letter:
//
//	p NAME VERSION ARCHITECTURE STATE   a package, separated by tabs; the following belongs to it
//	d DIR                               the directory of the files that follow
//	f NAME                              a file in it that the package owns
//	t DIR                               a directory that the package owns completely; "."
//	                                    is the one that contains the file
//	s                                   the package owns the file that the facts come from
//	i                                   the package is inside that file
//	v FROM TO BY                        a diversion, separated by tabs
//	! PROBLEM                           a fault of the file
//
// Paths are absolute and clean. A directory is written once for consecutive files in it, which
// keeps facts short and lookups fast.
type Facts struct {
	b   []byte
	dir string // the last d
	any bool   // it has a package
}

// Limits on the facts of one file.
const (
	maxFacts    = 16 << 20 // bytes
	maxName     = 512      // bytes of a name or version
	maxProblems = 8
)

func (f *Facts) begin(kind string) { f.b = append(append(f.b, kind...), '\n') }

// full reports whether the file's limit is reached.
func (f *Facts) full() bool { return len(f.b) > maxFacts }

// field prepares a name or a version for a line: valid, without control characters, and bounded.
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

// pkg starts a package.
func (f *Facts) pkg(name, version, arch, state string) {
	if f.full() {
		return
	}
	f.any, f.dir = true, ""
	f.b = append(f.b, 'p')
	f.b = append(f.b, field(name)+"\t"+field(version)+"\t"+field(arch)+"\t"+field(state)+"\n"...)
}

// file adds a path of the package: absolute, or relative to the root.
func (f *Facts) file(p string) { f.fileAt([]byte(p)) }

// fileAt is file for bytes that are not kept.
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

// maxPath is the length of the longest path that systems accept.
const maxPath = 4096

// isClean reports whether an absolute path is certainly clean.
func isClean(p []byte) bool {
	return p[len(p)-1] != '/' && !bytes.Contains(p, []byte("//")) && !bytes.Contains(p, []byte("/."))
}

// tree adds a directory that the package owns completely.
func (f *Facts) tree(dir string) {
	if strings.IndexByte(dir, '\n') < 0 && len(dir) <= maxPath {
		f.b = append(append(append(f.b, 't'), path.Clean("/"+dir)...), '\n')
	}
}

// around says that the package owns everything in the directory of the file.
func (f *Facts) around() { f.b = append(f.b, "t.\n"...) }

// self says that the package owns the file that the facts come from.
func (f *Facts) self() { f.b = append(f.b, "s\n"...) }

// inside says that the package is inside that file.
func (f *Facts) inside() { f.b = append(f.b, "i\n"...) }

// diversion adds a diversion: if any package except by lists from, its file is at to.
func (f *Facts) diversion(from, to, by string) {
	if strings.ContainsAny(from+to, "\t\n") || len(from)+len(to) > 2*maxPath || f.full() {
		return
	}
	f.b = append(f.b, "v"+path.Clean("/"+from)+"\t"+path.Clean("/"+to)+"\t"+field(by)+"\n"...)
}

// problem records a fault of the file.
func (f *Facts) problem(text string) {
	f.b = append(f.b, "!"+field(text)+"\n"...)
}

// A Package is a database's entry for one package.
type Package struct {
	Name, Version, Arch string
	State               string // dpkg's: "installed", "config-files"; "" for others
	Dirs                []Dir  // the files that it lists
	Trees               []string
	Self                bool // it owns the file that the facts come from
	Inside              bool // it is inside that file
}

// A Dir is files of one directory.
type Dir struct {
	Path  string // "" for the root
	Names []string
}

// A Diversion says that a path is elsewhere for all packages except By.
type Diversion struct{ From, To, By string }

// A Read is the decoded facts of one file.
type Read struct {
	Kind       string // kind of database
	Type       string // type of its packages
	Packages   []Package
	Diversions []Diversion
	Problems   []string
}

// Names returns how many names of files the packages list.
func (r *Read) Names() (n int) {
	for i := range r.Packages {
		for j := range r.Packages[i].Dirs {
			n += len(r.Packages[i].Dirs[j].Names)
		}
	}
	return n
}

// Decode decodes facts. It ignores what it does not understand, because an index may come from
// anyone.
func Decode(b []byte) Read {
	// A single string that all others are parts of.
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

// add decodes a line of a package, and returns the directory of the files that follow.
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
