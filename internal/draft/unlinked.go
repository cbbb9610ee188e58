//go:build !windows

package draft

import (
	"errors"
	"os"
)

// unlinked makes a file and deletes its name immediately.
func unlinked(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "peel-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
