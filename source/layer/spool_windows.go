package layer

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// createUnlinked makes a temporary file that the system deletes when it is
// closed, for whatever reason.
func createUnlinked() (*os.File, error) {
	f, err := os.CreateTemp("", "peel-*")
	if err != nil {
		return nil, err
	}
	name := f.Name()
	if err := f.Close(); err != nil {
		return nil, errors.Join(err, os.Remove(name))
	}
	return os.OpenFile(name, os.O_RDWR|windows.O_FILE_FLAG_DELETE_ON_CLOSE, 0o600)
}
