package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/peelhq/peel/source/layer"
)

// A bundle is the set of named files that make up images: the members of an archive or the files
// of a folder.
type bundle interface {
	// file finds a file by its clean, slash-separated name. It follows links, but never out of
	// the bundle. The error wraps fs.ErrNotExist if no such file exists. If the files are on
	// another machine, file sends a request, which ctx can cancel.
	file(ctx context.Context, name string) (blob, error)

	// close releases the files that the blobs read from.
	close() error
}

// maxLinks is the maximum number of links followed for one name.
const maxLinks = 40

// Limits on the members of an archive. An image has a few members for each layer, with names of
// about a hundred bytes. Reading a sparse member takes time for its holes if the layer is
// compressed or comes in a stream.
const (
	maxMembers      = 1 << 18
	maxMemberNames  = 256 << 20 // bytes, including link targets
	maxMemberPieces = 1 << 20   // data pieces in sparse members
	maxMemberHoles  = 8 << 30   // bytes
)

var (
	errLinkLoop   = errors.New("symbolic links that form a loop")
	errNotRegular = errors.New("not a regular file")
)

// members are an archive's files by name, independent of where their bytes are.
type members struct {
	files map[string]blob
	links map[string]string // targets, as clean names
	odd   map[string]bool   // neither a file nor a link: folders, devices

	names  int64 // bytes of all names and targets
	pieces int   // data pieces in sparse members
	holes  int64 // bytes of holes in sparse members
}

func newMembers() *members {
	return &members{files: map[string]blob{}, links: map[string]string{}, odd: map[string]bool{}}
}

// memberName returns the name by which a member of an archive is found.
func memberName(stored string) string { return strings.TrimPrefix(path.Clean("/"+stored), "/") }

// admit reports whether there is room for another member.
func (m *members) admit(h *layer.Header) error {
	m.names += int64(len(h.Name) + len(h.Link))
	if h.Sparse {
		m.pieces += h.Pieces()
		m.holes += h.Size - h.Stored
	}
	switch {
	case len(m.files)+len(m.links)+len(m.odd) >= maxMembers:
		return fmt.Errorf("an archive of more than %d members: not an archive of images", maxMembers)
	case m.names > maxMemberNames:
		return fmt.Errorf("an archive with more than %d bytes of names: not an archive of images", maxMemberNames)
	case m.pieces > maxMemberPieces:
		return fmt.Errorf("an archive whose sparse members have more than %d pieces: not an archive of images", maxMemberPieces)
	case m.holes > maxMemberHoles || m.holes < 0:
		return fmt.Errorf("an archive whose sparse members have more than %d bytes of holes: not an archive of images", int64(maxMemberHoles))
	}
	return nil
}

// add records a member. It replaces an earlier member of the same name, as unpacking does. b is
// nil for a member without content.
func (m *members) add(h *layer.Header, b blob) {
	name := memberName(string(h.Name))
	delete(m.files, name)
	delete(m.links, name)
	delete(m.odd, name)
	switch link := string(h.Link); {
	case h.Unknown != 0:
	case h.Type == File:
		m.files[name] = b
	case h.Type == Hardlink:
		m.links[name] = memberName(link)
	case h.Type == Symlink && path.IsAbs(link):
		m.links[name] = memberName(link)
	case h.Type == Symlink:
		m.links[name] = memberName(path.Join(path.Dir("/"+name), link))
	default:
		m.odd[name] = true
	}
}

func (m *members) file(_ context.Context, name string) (blob, error) {
	at := memberName(name)
	for range maxLinks {
		if b, ok := m.files[at]; ok {
			return b, nil
		}
		to, ok := m.links[at]
		switch {
		case !ok && m.odd[at]:
			return nil, fmt.Errorf("%s: %w", name, errNotRegular)
		case !ok && at != name:
			return nil, fmt.Errorf("%s, a link to %s: %w", name, at, fs.ErrNotExist)
		case !ok:
			return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		at = to
	}
	return nil, fmt.Errorf("%s: %w", name, errLinkLoop)
}

// layoutBelow returns the first folder, by name, that contains an OCI layout, or "".
func (m *members) layoutBelow() string {
	first := ""
	for name := range m.files {
		dir, base := path.Split(name)
		if base == "oci-layout" && dir != "" && (first == "" || dir < first) {
			first = dir
		}
	}
	return strings.TrimSuffix(first, "/")
}

// folder is a bundle in a directory. Links may not lead out of it, with two
// exceptions: files with a known digest, and the index that names them. Build
// tools link the blobs of a layout to their output files (rules_oci#560).
type folder struct {
	dir   string
	root  *os.Root
	open  []*os.File
	files map[string]*storedBlob // open files by name
	shelf *layer.Shelf
}

func openFolder(dir string) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &folder{dir: dir, root: root, files: map[string]*storedBlob{}, shelf: layer.NewShelf()}, nil
}

// linksOut reports whether the file of that name may link to a file outside of the folder.
func linksOut(name string) bool {
	return digestNamed(name) != "" || name == ociIndexName || name == "oci-layout"
}

func (f *folder) file(_ context.Context, name string) (blob, error) {
	if b, ok := f.files[name]; ok {
		return b, nil
	}
	stat, open := f.root.Stat, f.root.Open
	if linksOut(name) {
		stat = func(name string) (os.FileInfo, error) { return os.Stat(filepath.Join(f.dir, name)) }
		open = func(name string) (*os.File, error) { return os.Open(filepath.Join(f.dir, name)) }
	}
	// Check first: opening a pipe would block until something writes to it.
	info, err := stat(name)
	if err != nil {
		return nil, f.notThere(name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", name, errNotRegular)
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	f.open = append(f.open, file)
	if info, err = file.Stat(); err != nil {
		return nil, err
	}
	b := &storedBlob{label: label{name, info.Size()}, at: file, shelf: f.shelf}
	f.files[name] = b
	return b, nil
}

// leadsOut reports whether an existing file lies outside of the folder.
func (f *folder) leadsOut(name string) bool {
	_, err := f.root.Stat(name)
	return err != nil
}

// release closes the file of a blob that has been read if it was the last one opened.
func (f *folder) release(b blob) {
	last := len(f.open) - 1
	if s, ok := b.(*storedBlob); ok && last >= 0 && s.at == io.ReaderAt(f.open[last]) {
		_ = f.open[last].Close() // nothing was written
		f.open = f.open[:last]
		delete(f.files, b.name())
	}
}

// notThere makes an error of a missing file readable: it says that the file does not exist, and
// where a link leads.
func (f *folder) notThere(name string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if to, linkErr := f.root.Readlink(name); linkErr == nil {
		return fmt.Errorf("%s, a link to %s: %w", name, to, fs.ErrNotExist)
	}
	return fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (f *folder) close() error {
	errs := []error{f.shelf.Close(), f.root.Close()}
	for _, file := range f.open {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}
