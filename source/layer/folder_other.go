//go:build !linux && !darwin && !freebsd

package layer

import (
	"context"
	"errors"
	"io"
	"os"
)

// errNoFolders says that this system's files are not like those in a layer.
var errNoFolders = errors.New("a folder can be read as a root filesystem on Linux, macOS and FreeBSD only: files here have no owner or mode as a layer has them")

// A folderRoot is the root directory of a folder. It is not supported on this system.
type folderRoot struct{}

func openFolderRoot(string) (*folderRoot, error) { return nil, errNoFolders }

func (*folderRoot) close() error { return nil }

func (*folderRoot) walk(context.Context, *FolderList) error { return errNoFolders }

func (*folderRoot) openFile([]byte, *folderFinder) (*os.File, fileStatus, error) {
	return nil, fileStatus{}, errNoFolders
}

// A folderFinder finds files of a folder.
type folderFinder struct{}

func (*folderFinder) close() {}

func statFile(*os.File) (fileStatus, error) { return fileStatus{}, errNoFolders }

func dataOf(*os.File, int64) ([]fragment, bool) { return nil, false }

var _ io.Closer = (*Folder)(nil)
