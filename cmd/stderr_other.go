//go:build !unix

package cmd

import "os"

// holdStderr does nothing: this system can't redirect standard error.
func holdStderr(*os.File) (release func()) { return func() {} }
