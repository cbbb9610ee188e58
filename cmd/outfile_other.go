//go:build !unix

package cmd

import "os"

// descriptor reports false: open files have no names on this system.
func descriptor(string) (fd int, ok bool) { return 0, false }

func inherited(string) (*os.File, error) { return nil, nil } //nolint:nilnil // no file is no error
