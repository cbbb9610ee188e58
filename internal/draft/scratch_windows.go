package draft

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// scratch makes the system delete the file when it is closed.
func scratch(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "peel-*")
	if err != nil {
		return nil, err
	}
	name := f.Name()
	if err := f.Close(); err != nil {
		return nil, errors.Join(err, os.Remove(name))
	}
	return os.OpenFile(name, os.O_RDWR|windows.O_FILE_FLAG_DELETE_ON_CLOSE, 0o600)
}
