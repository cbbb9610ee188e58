package draft

import (
	"os"

	"golang.org/x/sys/unix"
)

// scratch makes a file that never has a name, if the file system supports that.
func scratch(dir string) (*os.File, error) {
	if f, err := os.OpenFile(dir, os.O_RDWR|os.O_EXCL|unix.O_TMPFILE, 0o600); err == nil {
		return f, nil
	}
	return unlinked(dir)
}
