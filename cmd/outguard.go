package cmd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/peelhq/peel/source"
)

// guard looks at where a command will write to, before it reads anything: an
// output that would destroy what is read, or that leads nowhere, is refused.
// read are references of images and names of other files, "" for none.
func (a *app) guard(outs []output, read ...string) error {
	read = append(read, a.base)
	for _, o := range outs {
		name := o.file
		if name == standardOutput {
			if f, ok := a.stdout.(*os.File); ok {
				if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && a.reads(info, read) != "" {
					return usage("another file", "the report would be written into %s, which is read", a.reads(info, read))
				}
			}
			continue
		}
		if _, own := descriptor(name); own {
			continue
		}
		file, info, err := target(name)
		if errors.Is(err, errDangling) {
			return failed("", "cannot write the report to %s: %w", name, err)
		}
		if err != nil {
			continue // said when the others have been written
		}
		if info != nil {
			if what := a.reads(info, read); what != "" {
				return usage("-o with another name", "the report would take the place of %s, which is read", what)
			}
		}
		for _, ref := range read {
			if dir, ok := source.PathOf(ref); ok && insideLayout(dir, file) {
				return usage("-o with another name", "the report to %s would be a file of the image in %s", name, dir)
			}
		}
	}
	return nil
}

// reads returns which of what is read is this very file, under whatever name; ""
// for none.
func (a *app) reads(file fs.FileInfo, read []string) string {
	for _, ref := range read {
		if ref == "" {
			continue
		}
		if ref == standardInput {
			if in, ok := a.stdin.(*os.File); ok {
				if info, err := in.Stat(); err == nil && info.Mode().IsRegular() && os.SameFile(info, file) {
					return "the image on standard input"
				}
			}
			continue
		}
		path, ok := source.PathOf(ref)
		if !ok {
			continue
		}
		if info, err := os.Stat(path); err == nil && os.SameFile(info, file) {
			return path
		}
	}
	return ""
}

// layoutFile matches the files of an image in a folder, from there: of an OCI
// layout, of a docker archive that was unpacked, of skopeo's dir.
var layoutFile = regexp.MustCompile(`^(index\.json|oci-layout|manifest\.json|repositories|version|blobs/.*|[0-9a-f]{64}.*)$`)

// insideLayout reports whether a file, which need not be there, would be one of
// the image in a folder.
func insideLayout(dir, file string) bool {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return false
	}
	dir, err := canonical(dir)
	if err != nil {
		return false
	}
	if file, err = canonical(file); err != nil {
		return false
	}
	rel, err := filepath.Rel(dir, file)
	return err == nil && layoutFile.MatchString(filepath.ToSlash(rel))
}

// canonical returns the one name of a file, absolute and without symbolic links.
// The file itself need not be there, but its folder must.
func canonical(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	if target, err := filepath.EvalSymlinks(abs); err == nil {
		return target, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	return filepath.Join(dir, filepath.Base(abs)), err
}

// sameFile reports whether writing to two names would write one file, now or once
// it is there.
func sameFile(a, b string) bool {
	if a == standardOutput || b == standardOutput {
		return a == b
	}
	if one, err := os.Stat(a); err == nil {
		other, err := os.Stat(b)
		return err == nil && os.SameFile(one, other)
	}
	one, err1 := canonical(a)
	other, err2 := canonical(b)
	if err1 != nil || err2 != nil { // in a folder that is not there
		one, other = filepath.Clean(a), filepath.Clean(b)
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" { // file systems there mostly ignore case
		return strings.EqualFold(one, other)
	}
	return one == other
}
