package layer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// A Folder is a directory tree on disk that is read as one layer: a root filesystem, an engine's
// snapshot, or the upper directory of an overlay. Anyone may change its files while it is read.
// So no link is followed out of it, only regular files are opened, and content that differs from
// what was listed is an error.
//
// The entries are the root ("./") and every path below it, a directory before its content, with
// names sorted bytewise. They come from the files' attributes alone; contents are read on
// request.
//
//   - The first name of an inode stores its content; later ones are hard links.
//   - A file with holes is sparse: it stores its data without them.
//   - A socket, for which layers have no type, becomes a named pipe with a flaw.
//   - A mount point is an empty directory or file, unless
//     FolderOptions.CrossMounts is set.
//   - What this user can't read is listed as far as possible, with a flaw.
//   - Only extended attributes that belong to the files are kept, see keptXattr.
type Folder struct {
	options FolderOptions
	root    *folderRoot

	// Results of Scan, by index of the entry.
	states    fileStates                                   // of regular files: fileStatus.state when listed
	elsewhere map[int]func(context.Context) (*Body, error) // content outside of the folder

	also io.Closer // source of contents outside of the folder; may be nil
}

var _ Reader = (*Folder)(nil)

// FolderOptions control how a folder is read. The zero value is ready to use.
type FolderOptions struct {
	// CrossMounts includes what is mounted below the folder.
	CrossMounts bool

	// Translate, if not nil, is called for each file of the folder in the order of entries, and
	// adds its replacement to list: f itself, f with changes, other files, or nothing. It may
	// return fs.SkipDir to skip a directory's content; any other error ends the scan. If nil,
	// each file is added unchanged.
	Translate func(f *FolderFile, list *FolderList) error
}

// A FolderFile is a file of a folder before it becomes an entry. Its bytes are valid until
// Translate returns.
type FolderFile struct {
	Record // its name may be changed; for a regular file only if Content is set

	// Host are the extended attributes that belong to the host, such as overlay's; Record does
	// not include them. Nil without Translate.
	Host map[string]string

	// Content opens a regular file whose content is not at its name in the folder; otherwise nil.
	Content func(ctx context.Context) (*Body, error)

	status fileStatus // as listed; zero if the file is synthetic
}

// OpenFolder opens a directory. The name may be a symlink to one.
func OpenFolder(dir string, o FolderOptions) (*Folder, error) {
	root, err := openFolderRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Folder{options: o, root: root}, nil
}

// Close closes the directory. Contents can no longer be opened.
func (f *Folder) Close() error {
	if f.also != nil {
		return errors.Join(f.also.Close(), f.root.close())
	}
	return f.root.close()
}

// Scan lists the files. It reads only those contents that collectors want.
func (f *Folder) Scan(ctx context.Context, o ScanOptions) (*Scanned, error) {
	list := &FolderList{
		ctx: ctx, folder: f, options: &o, entries: &Entries{budget: o.Budget}, inodes: map[inode]*linked{},
		gathering: gathering{collectors: o.Collect},
	}
	list.gathering.entries = list.entries
	f.states, f.elsewhere = nil, nil
	if err := f.root.walk(ctx, list); err != nil {
		if ctx.Err() != nil {
			return nil, &Unfinished{Entries: list.entries.count, Err: ctx.Err()}
		}
		return nil, err
	}
	list.entries.done()
	return &Scanned{Entries: list.entries, Facts: list.gathering.facts}, nil
}

// A FolderList is the list of files found so far.
type FolderList struct {
	ctx       context.Context
	folder    *Folder
	options   *ScanOptions
	entries   *Entries
	inodes    map[inode]*linked // inodes with names still to come
	gathering gathering
	end       int64 // end of the last content in the tar that the folder would give
}

// inode identifies a file on this machine.
type inode struct{ dev, ino uint64 }

// linked is an inode with several names.
type linked struct {
	entry int    // the entry that stores it
	left  uint64 // number of names that may still come
}

// linkedCost is the budget charge for a linked inode, in bytes.
const linkedCost = 96

// stateCost is the memory of a file's state, in bytes.
const stateCost = 8

// Flaw records a fault of the named file, in one clause.
func (l *FolderList) Flaw(name []byte, problem string) {
	l.entries.flaw(Flaw{Path: string(name), Problem: problem})
}

// Add adds a file to the list.
func (l *FolderList) Add(f *FolderFile) error {
	if f.Type == File {
		if f.Offset = l.end + blockSize; f.Offset < 0 { // larger than any disk
			f.Offset = 0
		}
		l.end = f.Offset + (f.Stored+blockSize-1)&^(blockSize-1)
	} else {
		f.Size, f.Stored, f.Sparse = 0, 0, false
		f.Offset = l.end + blockSize
		l.end = f.Offset
	}
	l.entries.owed += stateCost
	i := l.entries.count
	if err := l.entries.Add(&f.Record); err != nil {
		return err
	}
	if f.Type == File {
		l.folder.keepState(i, f)
		l.gather(i, f)
	}
	if in, ok := f.status.inode(); ok && f.Type != Hardlink && f.status.links > 1 && l.inodes[in] == nil {
		l.inodes[in] = &linked{entry: i, left: f.status.links - 1}
		l.entries.owed += linkedCost
	}
	l.options.progress(f.Stored)
	return nil
}

// keepState stores the state in which entry i was listed, or the place of its content.
func (f *Folder) keepState(i int, file *FolderFile) {
	if file.Content != nil {
		if f.elsewhere == nil {
			f.elsewhere = map[int]func(context.Context) (*Body, error){}
		}
		f.elsewhere[i] = file.Content
		return
	}
	f.states.set(i, file.status.state())
}

// list adds a file of the folder.
func (l *FolderList) list(f *FolderFile) error {
	l.linkUp(f)
	if l.folder.options.Translate == nil {
		return l.Add(f)
	}
	return l.folder.options.Translate(f, l)
}

// linkUp makes a file a hard link if another of its names is an entry.
func (l *FolderList) linkUp(f *FolderFile) {
	if in, ok := f.status.inode(); ok && f.status.links > 1 {
		if of := l.inodes[in]; of != nil {
			f.Type, f.Size, f.Stored, f.Sparse, f.Major, f.Minor = Hardlink, 0, 0, false, 0, 0
			f.Link = l.entries.AppendName(nil, of.entry)
			if of.left--; of.left == 0 {
				delete(l.inodes, in)
			}
		}
	}
}

// gather passes entry i to the collectors that want it.
func (l *FolderList) gather(i int, f *FolderFile) {
	c := l.gathering.wants(&f.Record)
	if c == nil {
		return
	}
	r, err := l.folder.Open(l.ctx, l.entries, i)
	if err == nil {
		err = l.gathering.draw(c, i, r, nil)
		_ = r.Close() // nothing was written
	}
	if err != nil && l.ctx.Err() == nil {
		l.Flaw(f.Name, fmt.Sprintf("not inspected: %v", withoutPath(err)))
	}
}

// withoutPath removes the path from err, for messages that name the path already.
func withoutPath(err error) error {
	if about, ok := errors.AsType[*fs.PathError](err); ok {
		return about.Err
	}
	return err
}

// Extended attributes that belong to files and are kept: capabilities and signatures from a
// package or an image, access control lists, and attributes set by users and system services. All
// others belong to the host: labels (security.selinux, from the host's policy; security.evm, from
// the host's key), bookkeeping of overlayfs, fuse-overlayfs and containers/storage, and
// properties of file systems (system.*, btrfs.*).
var (
	keptXattrs     = []string{"security.capability", "security.ima", "system.posix_acl_access", "system.posix_acl_default"}
	keptXattrTrees = []string{"user.", "trusted."}
	hostXattrTrees = []string{"user.overlay.", "user.fuseoverlayfs.", "user.containers.", "trusted.overlay."}
)

// keptXattr reports whether an extended attribute belongs to files.
func keptXattr(name string) bool {
	begins := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	return slices.Contains(keptXattrs, name) ||
		slices.ContainsFunc(keptXattrTrees, begins) && !slices.ContainsFunc(hostXattrTrees, begins)
}
