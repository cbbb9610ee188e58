package packages

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
)

// Java's packages: META-INF/maven/GROUP/ARTIFACT/pom.properties in a jar describes its artifact.
// A jar may contain other jars, or the classes of others with their pom.properties. Source:
// maven.apache.org, "Maven Archiver".
var jarFile = &kind{
	name: "jar", typ: "java", suffixes: []string{".jar", ".war", ".ear"}, most: maxFile,
	drawAt: drawJar,
}

// Limits on nested jars.
const (
	maxJarDepth = 3
	maxInner    = 64 << 20 // bytes of one nested jar
	maxJars     = 4096     // packages in one file
)

// A jarLook inspects a jar and its nested jars.
type jarLook struct {
	left  int64 // bytes left for unpacking nested jars
	found []artifact
}

// artifact is the content of a pom.properties.
type artifact struct {
	group, name, version string
	own                  bool // it belongs to the jar itself, not to a nested one
}

func (a artifact) full() string {
	if a.group == "" {
		return a.name
	}
	return a.group + ":" + a.name
}

func drawJar(f *Facts, p string, content io.ReaderAt, size int64) error {
	z, err := openZip(content, size)
	if err != nil {
		return err
	}
	l := &jarLook{left: maxInner}
	err = l.look(z, strings.TrimSuffix(path.Base(p), path.Ext(p)), 0)
	for _, a := range l.found {
		f.pkg(a.full(), a.version, "", "")
		if a.own {
			f.self()
		} else {
			f.inside()
		}
	}
	return err
}

// look finds the artifacts of a jar. Its own is the one in its name, else the only one; the
// others are inside it.
func (l *jarLook) look(z *zip.Reader, name string, depth int) error {
	var here []artifact
	var inner []*zip.File
	for _, m := range z.File {
		switch {
		case len(here)+len(l.found) > maxJars:
			return errors.New("too many packages in it")
		case strings.HasPrefix(m.Name, "META-INF/maven/") && path.Base(m.Name) == "pom.properties":
			if a, ok := readPom(m); ok {
				here = append(here, a)
			}
		case strings.HasSuffix(m.Name, ".jar"):
			inner = append(inner, m)
		}
	}
	at := ownArtifact(here, name)
	for i, a := range here {
		a.own = depth == 0 && i == at
		l.found = append(l.found, a)
	}
	if depth+1 >= maxJarDepth {
		return nil
	}
	var problem error
	for _, m := range inner {
		if err := l.inner(m, depth+1); err != nil {
			problem = err
		}
	}
	return problem
}

func ownArtifact(all []artifact, name string) int {
	best := -1
	for i, a := range all {
		if (name == a.name || strings.HasPrefix(name, a.name+"-")) && (best < 0 || len(a.name) > len(all[best].name)) {
			best = i
		}
	}
	if best < 0 && len(all) == 1 {
		return 0
	}
	return best
}

func (l *jarLook) inner(m *zip.File, depth int) error {
	if m.UncompressedSize64 > uint64(l.left) {
		return errors.New("jars inside it were not inspected: they are too large")
	}
	r, err := m.Open()
	if err != nil {
		return errors.New("a jar inside it cannot be read")
	}
	b, err := io.ReadAll(io.LimitReader(r, l.left))
	l.left -= int64(len(b))
	if err := errors.Join(err, r.Close()); err != nil {
		return errors.New("a jar inside it cannot be read")
	}
	z, err := openZip(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return errors.New("a jar inside it cannot be read")
	}
	return l.look(z, strings.TrimSuffix(path.Base(m.Name), ".jar"), depth)
}

func readPom(m *zip.File) (a artifact, ok bool) {
	err := readMember(m, func(r io.Reader) error {
		return eachLine(r, func(line []byte) {
			key, value, _ := strings.Cut(string(line), "=")
			value = strings.TrimSpace(value)
			switch strings.TrimSpace(key) {
			case "groupId":
				a.group = value
			case "artifactId":
				a.name = value
			case "version":
				a.version = value
			}
		})
	})
	return a, err == nil && a.name != ""
}
