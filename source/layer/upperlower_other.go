//go:build !linux && !darwin && !freebsd

package layer

import "context"

// A lowerStack is the folders below an upper directory. It is not supported on this system.
type lowerStack struct{}

func openLowerStack([]string) (*lowerStack, error) { return nil, errNoFolders }

// Close closes the folders.
func (*lowerStack) Close() error { return nil }

func (*folderRoot) names([]byte) (map[string]bool, error) { return nil, errNoFolders }

func (*lowerStack) list(*upper, *FolderList, string, string, map[string]bool) (bool, error) {
	return false, errNoFolders
}

func (*lowerStack) content(*upper, string, int64) (func(context.Context) (*Body, error), error) {
	return nil, errNoFolders
}

// FlagChanged records a flaw for each file that has changed since Scan listed it.
func (*Folder) FlagChanged(context.Context, *Entries) error { return errNoFolders }
