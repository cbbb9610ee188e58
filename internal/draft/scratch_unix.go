//go:build !windows && !linux

package draft

import "os"

func scratch(dir string) (*os.File, error) { return unlinked(dir) }
