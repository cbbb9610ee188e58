//go:build !linux

package draft

import (
	"errors"
	"io/fs"
	"os"
)

func unnamed(*os.Root, fs.FileMode) (*os.File, error) { return nil, errors.ErrUnsupported }

func link(*os.File, *os.Root, string) error { return errors.ErrUnsupported }
