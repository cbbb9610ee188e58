package registry

import (
	"os"
	"path/filepath"
	"runtime"
)

// userConfig is a file or folder of the user's settings of containers' tools:
// below $XDG_CONFIG_HOME/containers, or ~/.config/containers. "" if there is no
// home.
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

// homeDir is the user's home folder; "" if it is not known.
func homeDir() string {
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return ""
	}
	return home
}

// systemRoot is where the system's settings lie. A variable for tests, which must
// not depend on the machine they run on.
var systemRoot = "/"

// systemFile is a file of the system's settings, "etc/containers/registries.conf";
// "" where there are no such files.
func systemFile(name string) string {
	if runtime.GOOS == "windows" && systemRoot == "/" {
		return ""
	}
	return filepath.Join(systemRoot, filepath.FromSlash(name))
}
