package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/peelhq/peel/internal/settings"
)

// PodmanNamed reports whether the environment names a podman service. The user then does not mean
// this machine's store.
func PodmanNamed() bool { return PodmanChosen() != "" }

// PodmanChosen returns the environment variable that names a podman service, for people; or "".
func PodmanChosen() string {
	for _, name := range []string{"CONTAINER_HOST", "CONTAINER_CONNECTION"} {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return ""
}

// storageConf is the relevant part of a storage.conf. Source: containers-storage.conf(5).
type storageConf struct {
	Storage struct {
		GraphRoot    string `toml:"graphroot"`
		RootlessPath string `toml:"rootless_storage_path"` // for users other than root
	} `toml:"storage"`
}

// PodmanStore returns the folder of podman's store: from storage.conf, else the default, which
// differs between root and other users.
func PodmanStore() (string, error) {
	return podmanStore(os.Geteuid() == 0, []string{"/etc/containers/storage.conf", "/usr/share/containers/storage.conf"})
}

// podmanStore is PodmanStore for root or another user, given the system's storage.conf files;
// podman reads the first that exists.
func podmanStore(root bool, conf []string) (string, error) {
	own := os.Getenv("CONTAINERS_STORAGE_CONF")
	switch dir := configHome(); {
	case own != "":
		conf = []string{own}
	case !root && dir != "":
		own = filepath.Join(dir, "storage.conf")
		conf = slices.Concat([]string{own}, conf)
	}
	for _, name := range conf {
		if !exists(name) {
			continue
		}
		var said storageConf
		if _, err := settings.TOML(name, &said); err != nil {
			return "", fmt.Errorf("reading podman's settings: %w", err)
		}
		dir := said.Storage.GraphRoot
		if !root {
			if dir == "" || name != own { // a system's graphroot is for root
				dir = said.Storage.RootlessPath
			}
			dir = expandUser(dir)
		}
		if filepath.IsAbs(dir) {
			return dir, nil
		}
		break
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

// expandUser replaces environment variables in a path, as podman does, and $UID, which shells
// don't export, with the user's number.
func expandUser(path string) string {
	return os.Expand(path, func(name string) string {
		if name == "UID" {
			return strconv.Itoa(os.Getuid())
		}
		return os.Getenv(name)
	})
}
