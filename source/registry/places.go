package registry

import (
	"os"
	"path/filepath"
	"runtime"
)

// userConfig returns a path in the user's settings of containers' tools: below
// $XDG_CONFIG_HOME/containers or ~/.config/containers. "" without a home
// folder.
func userConfig(name string) string {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		home := homeDir()
		if home == "" {
			return ""
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "containers", name)
}

// homeDir returns the user's home folder, or "".
func homeDir() string {
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return ""
	}
	return home
}

// systemRoot is the root of the system's settings. A variable for tests, which must not depend on
// the machine.
var systemRoot = "/"

// systemFile returns a file of the system's settings, "etc/containers/registries.conf", or "".
func systemFile(name string) string {
	if runtime.GOOS == "windows" && systemRoot == "/" {
		return ""
	}
	return filepath.Join(systemRoot, filepath.FromSlash(name))
}
