//go:build !unix

package cmd

import (
	"context"
	"os"
)

// waitLost reports false: a console that is closed ends its programs.
func waitLost(context.Context, *os.File) bool { return false }
