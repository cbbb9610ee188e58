package cmd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/peelhq/peel/internal/lazy"
	"github.com/peelhq/peel/source"
)

// guard checks the destination of a command before it reads anything: it
// rejects an output that would destroy an input, or that is not writable. read
// are references of images and names of other files, or "".
func (a *app) guard(outs []output, read ...string) error {
	in := a.inputs(read...)
	for _, o := range outs {
		name := o.file
		if name == standardOutput {
			if f, ok := a.stdout.(*os.File); ok {
				if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && in.is(info) != "" {
					return usage("another file", "the output would go into %s, which peel is reading", in.is(info))
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
			continue // reported once the others are written
		}
		if info != nil {
			if what := in.is(info); what != "" {
				return usage("-o with another name", "the output would replace %s, which peel is reading", what)
			}
		}
		if file, err = canonical(file); err == nil {
			if dir := in.holds(file, info); dir != "" {
				return usage("-o with another name", "the output to %s would be a file of the image in %s", name, dir)
			}
		}
	}
	return nil
}

// printed is the output of a command that prints.
var printed = []output{{file: standardOutput}}

// inputs are the files that a command reads and must not write.
type inputs struct {
	files   []inputFile
	layouts []layout
}

// inputFile is a file that is read.
type inputFile struct {
	name string // for people
	info fs.FileInfo
}

// layout is a folder that is an image.
type layout struct {
	name string // as given
	dir  string // canonical
}

// inputs finds the files behind references of images and names of other files, or "". It ignores
// missing ones, which are reported when read.
func (a *app) inputs(refs ...string) *inputs {
	in := &inputs{}
	for _, ref := range append(refs, a.base) {
		if source.ReadsStdin(ref) {
			if f, ok := a.stdin.(*os.File); ok {
				if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
					in.files = append(in.files, inputFile{"the image on standard input", info})
				}
			}
			continue
		}
		path, ok := source.PathOf(ref)
		if !ok || ref == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if link, err := os.Lstat(path); err == nil && !os.SameFile(link, info) {
			in.files = append(in.files, inputFile{path, link})
		}
		if !info.IsDir() {
			in.files = append(in.files, inputFile{path, info})
		} else if dir, err := canonical(path); err == nil {
			in.layouts = append(in.layouts, layout{path, dir})
		}
	}
	return in
}

// is returns the input that is this file, under any name; or "".
func (in *inputs) is(file fs.FileInfo) string {
	for _, f := range in.files {
		if os.SameFile(f.info, file) {
			return f.name
		}
	}
	return ""
}

// holds returns the image folder that a file would be part of, or "". The name is canonical.
// info describes the existing file with this name, which may be another name of a file in the
// folder; nil if it doesn't exist.
func (in *inputs) holds(name string, info fs.FileInfo) string {
	for _, l := range in.layouts {
		if l.has(name) || info != nil && l.hasOther(info) {
			return l.name
		}
	}
	return ""
}

// has reports whether a file of that name would be part of the image.
func (l *layout) has(name string) bool {
	rel, err := filepath.Rel(l.dir, name)
	return err == nil && layoutFile.MatchString(filepath.ToSlash(rel))
}

// hasOther reports whether a file is part of the image under another name. A file that can't be
// examined counts as not part of it.
func (l *layout) hasOther(file fs.FileInfo) bool {
	found := false
	_ = filepath.WalkDir(l.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !l.has(name) {
			return nil //nolint:nilerr // see above
		}
		if info, err := d.Info(); err == nil && os.SameFile(info, file) {
			found = true
			return filepath.SkipAll
		}
		return nil
	})
	return found
}

// layoutFile matches the files of an image in a folder, by their paths in it: of an OCI layout, of
// a docker archive that was unpacked, of skopeo's dir.
var layoutFile = lazy.New(`^(index\.json|oci-layout|manifest\.json|repositories|version|blobs/.*|[0-9a-f]{64}.*)$`)

// canonical returns a file's absolute name without symbolic links. The folder must exist, the
// file need not.
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

// sameFile reports whether writing to two names would write one file, now or once it exists.
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
	if err1 != nil || err2 != nil { // their folder doesn't exist
		one, other = filepath.Clean(a), filepath.Clean(b)
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" { // most file systems there ignore case
		return strings.EqualFold(one, other)
	}
	return one == other
}
