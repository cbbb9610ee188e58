package engine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// PodmanNamed reports whether the environment names a service of podman. Then the
// store of this machine is not meant.
func PodmanNamed() bool {
	return os.Getenv("CONTAINER_HOST") != "" || os.Getenv("CONTAINER_CONNECTION") != ""
}

// PodmanStore is the folder of podman's store: as storage.conf says, else where
// it is by itself, for root and for everybody else.
func PodmanStore() (string, error) {
	root := os.Geteuid() == 0
	conf := []string{os.Getenv("CONTAINERS_STORAGE_CONF")}
	switch {
	case conf[0] != "":
	case root:
		conf = []string{"/etc/containers/storage.conf", "/usr/share/containers/storage.conf"}
	case configHome() != "":
		conf = []string{filepath.Join(configHome(), "storage.conf")}
	}
	for _, name := range conf {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) || name == "" {
			continue
		}
		if err != nil {
			return "", err
		}
		if dir := graphRoot(string(text)); filepath.IsAbs(dir) && !strings.Contains(dir, "$") {
			return dir, nil
		}
		break // podman reads the first that there is
	}
	if root {
		return "/var/lib/containers/storage", nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "containers", "storage"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "share", "containers", "storage"), nil
}

// graphRoot takes the store's folder out of a storage.conf, which is TOML.
func graphRoot(text string) string {
	table := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			table = line
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if ok && table == "[storage]" && strings.TrimSpace(key) == "graphroot" {
			return tomlValue(value)
		}
	}
	return ""
}
