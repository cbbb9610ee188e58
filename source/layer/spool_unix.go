//go:build !windows

package layer

import (
	"errors"
	"os"
)

// createUnlinked makes a temporary file whose name is gone at once.
func createUnlinked() (*os.File, error) {
	f, err := os.CreateTemp("", "peel-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
