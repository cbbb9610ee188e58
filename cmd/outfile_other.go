//go:build !unix

package cmd

import "os"

// descriptor reports false: there are no names for open files here.
func descriptor(string) (fd int, ok bool) { return 0, false }

func inherited(string) (*os.File, error) { return nil, nil } //nolint:nilnil // no file is no error
