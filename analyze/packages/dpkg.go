package packages

import (
	"bufio"
	"errors"
	"io"
	"path"
	"strings"
	"sync"
)

// Debian's packages. /var/lib/dpkg/status lists the packages; info/NAME.list lists the files of
// each, or NAME:ARCH.list for packages that can be installed for several architectures.
// Distroless images have a file for each package in status.d instead, and the checksums of its
// files next to it. Sources: dpkg(1), dpkg-query(1), dpkg-divert(1); deb-md5sums(5).

const dpkgDir = "var/lib/dpkg/"

var (
	dpkgStatus = &kind{
		name: "dpkg-status", typ: "dpkg", names: []string{"status"}, most: maxText,
		fits: func(p string) bool { return p == dpkgDir+"status" },
		draw: drawDpkgStatus,
	}
	dpkgStatusPart = &kind{
		name: "dpkg-part", typ: "dpkg", most: maxText,
		fits: func(p string) bool { return inStatusD(p) && !strings.HasSuffix(p, ".md5sums") },
		draw: drawDpkgStatus,
	}
	dpkgList = &kind{
		name: "dpkg-list", typ: "dpkg", suffixes: []string{".list"}, most: maxText,
		fits: func(p string) bool { return path.Dir(p) == dpkgDir+"info" },
		draw: drawDpkgList,
	}
	dpkgPartList = &kind{
		name: "dpkg-part-list", typ: "dpkg", suffixes: []string{".md5sums"}, most: maxText,
		fits: inStatusD,
		draw: drawSums,
	}
	dpkgDiversions = &kind{
		name: "dpkg-diversions", typ: "dpkg", names: []string{"diversions"}, most: maxText,
		fits: func(p string) bool { return p == dpkgDir+"diversions" },
		draw: drawDiversions,
	}
)

func inStatusD(p string) bool { return path.Dir(p) == dpkgDir+"status.d" }

// drawDpkgStatus parses the stanzas of a status file.
func drawDpkgStatus(f *Facts, _ string, content io.Reader) error {
	var name, version, arch, state string
	end := func() {
		if name != "" && state != "not-installed" {
			f.pkg(name, version, arch, state)
		}
		name, version, arch, state = "", "", "", ""
	}
	err := eachLine(content, func(line []byte) {
		if len(line) == 0 {
			end()
			return
		}
		switch line[0] {
		case 'P':
			setField(&name, line, "Package: ")
		case 'V':
			setField(&version, line, "Version: ")
		case 'A':
			setField(&arch, line, "Architecture: ")
		case 'S':
			var words string
			if setField(&words, line, "Status: "); words != "" {
				state = words[strings.LastIndexByte(words, ' ')+1:]
			}
		}
	})
	end()
	if err == nil && !f.any {
		err = errors.New("no package in it")
	}
	return err
}

// setField sets a field if the line starts with its name.
func setField(to *string, line []byte, name string) {
	if len(line) > len(name) && string(line[:len(name)]) == name {
		*to = strings.TrimSpace(string(line[len(name):min(len(line), len(name)+maxName)]))
	}
}

// drawDpkgList parses a list of paths; the package's name is that of the file.
func drawDpkgList(f *Facts, p string, content io.Reader) error {
	f.pkg(strings.TrimSuffix(path.Base(p), ".list"), "", "", "")
	err := eachLine(content, func(line []byte) {
		if len(line) > 1 && string(line) != "/." {
			f.fileAt(line)
		}
	})
	return err
}

// drawSums parses lines of a checksum, two spaces and a path.
func drawSums(f *Facts, p string, content io.Reader) error {
	f.pkg(strings.TrimSuffix(path.Base(p), ".md5sums"), "", "", "")
	err := eachLine(content, func(line []byte) {
		if _, name, ok := strings.Cut(string(line), " "); ok {
			f.file(strings.TrimLeft(name, " *"))
		}
	})
	return err
}

// drawDiversions parses three lines for each diversion: from, to, and the diverting package, or
// ":" for a person.
func drawDiversions(f *Facts, _ string, content io.Reader) error {
	var three [3]string
	n := 0
	return eachLine(content, func(line []byte) {
		three[n] = string(line)
		if n++; n == 3 {
			f.diversion(three[0], three[1], three[2])
			n = 0
		}
	})
}

// maxLine is how many bytes of a line are read; the rest of a longer line is skipped.
const maxLine = 16 << 10

// lineReaders are reused: a layer may have thousands of small lists.
var lineReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, maxLine) }}

// eachLine calls fn with each line, which is valid until the next.
func eachLine(content io.Reader, fn func(line []byte)) error {
	r, _ := lineReaders.Get().(*bufio.Reader) // the pool has only these
	r.Reset(content)
	defer func() {
		r.Reset(nil)
		lineReaders.Put(r)
	}()
	for {
		line, err := r.ReadSlice('\n')
		if n := len(line); n > 0 && line[n-1] == '\n' {
			line = line[:n-1]
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		cut := errors.Is(err, bufio.ErrBufferFull)
		if !errors.Is(err, io.EOF) || len(line) > 0 {
			fn(line)
		}
		for cut {
			_, err = r.ReadSlice('\n')
			cut = errors.Is(err, bufio.ErrBufferFull)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
