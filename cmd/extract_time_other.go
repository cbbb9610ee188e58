//go:build !unix

package cmd

import (
	"os"
	"time"
)

// setLinkTime does nothing: a symlink's own time cannot be set here.
func setLinkTime(*os.Root, string, time.Time) error { return nil }
