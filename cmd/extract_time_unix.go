//go:build unix

package cmd

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// setLinkTime sets a symlink's own time.
func setLinkTime(root *os.Root, name string, t time.Time) error {
	dir, err := root.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	stamp, err := unix.TimeToTimespec(t)
	if err == nil {
		err = unix.UtimesNanoAt(int(dir.Fd()), filepath.Base(name), []unix.Timespec{stamp, stamp}, unix.AT_SYMLINK_NOFOLLOW)
	}
	return errors.Join(err, dir.Close())
}
