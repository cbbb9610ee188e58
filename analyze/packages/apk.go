package packages

import (
	"errors"
	"io"
)

// Alpine's packages: a single file with lines of a letter, a colon and a value, and an empty line
// after each package. F is a directory, R a file in it. Its path changed when /lib became a
// symlink. Source: https://wiki.alpinelinux.org/wiki/Apk_spec.
var apkInstalled = &kind{
	name: "apk", typ: "apk", names: []string{"installed"}, most: maxText,
	fits: func(p string) bool { return p == "lib/apk/db/installed" || p == "usr/lib/apk/db/installed" },
	draw: drawApk,
}

func drawApk(f *Facts, _ string, content io.Reader) error {
	var name, version, arch, dir string
	begun := false
	begin := func() {
		if !begun && name != "" {
			f.pkg(name, version, arch, "")
			begun = true
		}
	}
	err := eachLine(content, func(line []byte) {
		if len(line) == 0 {
			begin()
			name, version, arch, dir, begun = "", "", "", "", false
			return
		}
		if len(line) < 2 || line[1] != ':' {
			return
		}
		value := string(line[2:])
		switch line[0] {
		case 'P':
			name = value
		case 'V':
			version = value
		case 'A':
			arch = value
		case 'F':
			begin()
			dir = value
		case 'R':
			if begin(); begun {
				f.file(dir + "/" + value)
			}
		}
	})
	begin()
	if err == nil && !f.any {
		err = errors.New("no package in it")
	}
	return err
}
