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

// A Folder is a directory tree on disk that is read as one layer: a root
// filesystem, an engine's snapshot, the upper directory of an overlay. Its files may
// change while it is read, by anyone: nothing is followed out of it, nothing but
// regular files is opened, and content that is not what was listed is an error.
//
// The entries are the root ("./") and every path below it, a directory before what
// lies in it and names sorted by their bytes. They come from the files' attributes
// alone: contents are read when they are asked for.
//
//   - The first name of an inode carries it, later ones are hard links.
//   - A file with holes is sparse: it stores its data without them.
//   - A socket, for which a layer has no type, is a named pipe, with a flaw.
//   - Where something else is mounted is an empty directory or file, unless
//     FolderOptions.CrossMounts is set.
//   - What cannot be read by this user is listed as far as it can be, with a flaw.
//   - Of extended attributes those are kept that belong to the files, see keptXattr.
type Folder struct {
	options FolderOptions
	root    *folderRoot

	// What Scan has found, of the entries by index.
	states    fileStates                                   // of regular files: fileStatus.state when they were listed
	elsewhere map[int]func(context.Context) (*Body, error) // whose content does not lie in the folder

	also io.Closer // what contents that lie elsewhere are read from; nil if there is nothing
}

var _ Reader = (*Folder)(nil)

// FolderOptions says how a folder is read. The zero value is ready to use.
type FolderOptions struct {
	// CrossMounts has what is mounted below the folder be read too.
	CrossMounts bool

	// Translate, if not nil, is called for each file of the folder, in the order of
	// the entries, and adds to list what stands for it: f itself, f with changes, other
	// files, or nothing. It may return fs.SkipDir, to leave out what lies in a
	// directory; any other error ends the scan. Without, each file is added as it is.
	Translate func(f *FolderFile, list *FolderList) error
}

// A FolderFile is a file of a folder before it becomes an entry. Its bytes may be used
// until Translate returns.
type FolderFile struct {
	Record // its name may be changed, of a regular file only if Content is set

	// Host are the extended attributes that belong to the host, such as overlay's,
	// which are not among those of Record. Nil without Translate.
	Host map[string]string

	// Content opens the content of a regular file that does not lie at its name in
	// the folder; nil if it does.
	Content func(ctx context.Context) (*Body, error)

	status fileStatus // as it was listed; zero if the file is made up
}

// OpenFolder opens a directory. The name may be that of a symlink to one.
func OpenFolder(dir string, o FolderOptions) (*Folder, error) {
	root, err := openFolderRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Folder{options: o, root: root}, nil
}

// Close lets go of the directory. Contents can no longer be opened.
func (f *Folder) Close() error {
	if f.also != nil {
		return errors.Join(f.also.Close(), f.root.close())
	}
	return f.root.close()
}

// Scan lists the files. It reads of their contents only what collectors want.
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

// A FolderList is what the scan of a folder has listed so far.
type FolderList struct {
	ctx       context.Context
	folder    *Folder
	options   *ScanOptions
	entries   *Entries
	inodes    map[inode]*linked // that have names left to come
	gathering gathering
	end       int64 // of the last content in the tar that the folder could be written as
}

// inode is what tells a file from all others of the machine.
type inode struct{ dev, ino uint64 }

// linked is an inode of several names.
type linked struct {
	entry int    // the one that carries it
	left  uint64 // names that may be still to come
}

// linkedCost is what the budget is charged for a linked inode, in bytes.
const linkedCost = 96

// stateCost is what a file's state takes, in bytes.
const stateCost = 8

// Flaw records that something is wrong with the file of that name, in one clause.
func (l *FolderList) Flaw(name []byte, problem string) {
	l.entries.flaw(Flaw{Path: string(name), Problem: problem})
}

// Add adds a file to the list.
func (l *FolderList) Add(f *FolderFile) error {
	if f.Type == File {
		if f.Offset = l.end + blockSize; f.Offset < 0 { // beyond any disk
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

// keepState remembers in which state entry i was listed, or where its content is.
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

// list adds a file that lies in the folder.
func (l *FolderList) list(f *FolderFile) error {
	l.linkUp(f)
	if l.folder.options.Translate == nil {
		return l.Add(f)
	}
	return l.folder.options.Translate(f, l)
}

// linkUp makes a file a hard link if another name of it is an entry.
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

// gather keeps what the collectors want of entry i.
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
		l.Flaw(f.Name, fmt.Sprintf("not looked into: %v", withoutPath(err)))
	}
}

// withoutPath is err without the path that it is about, for where that is said.
func withoutPath(err error) error {
	if about, ok := errors.AsType[*fs.PathError](err); ok {
		return about.Err
	}
	return err
}

// Extended attributes that belong to files, so that they are kept: capabilities and
// signatures that a package or an image gives to a file, access control lists, and
// what users and the system's services set. All others are the host's: labels
// (security.selinux, which the host's policy gives; security.evm, of the host's key),
// bookkeeping of overlayfs, fuse-overlayfs and containers/storage, and what file
// systems show of themselves (system.*, btrfs.*).
var (
	keptXattrs     = []string{"security.capability", "security.ima", "system.posix_acl_access", "system.posix_acl_default"}
	keptXattrTrees = []string{"user.", "trusted."}
	hostXattrTrees = []string{"user.overlay.", "user.fuseoverlayfs.", "user.containers.", "trusted.overlay."}
)

// keptXattr reports whether the extended attribute of that name belongs to files.
func keptXattr(name string) bool {
	begins := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	return slices.Contains(keptXattrs, name) ||
		slices.ContainsFunc(keptXattrTrees, begins) && !slices.ContainsFunc(hostXattrTrees, begins)
}
