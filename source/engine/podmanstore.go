package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/peelhq/peel/internal/settings"
)

// PodmanNamed reports whether the environment names a service of podman. If it
// does, the user does not mean the store of this machine.
func PodmanNamed() bool { return PodmanChosen() != "" }

// PodmanChosen returns the variable of the environment that names a service of
// podman, for people; "" if none does.
func PodmanChosen() string {
	for _, name := range []string{"CONTAINER_HOST", "CONTAINER_CONNECTION"} {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return ""
}

// storageConf is what a storage.conf says of where a store is. Source:
// containers-storage.conf(5).
type storageConf struct {
	Storage struct {
		GraphRoot    string `toml:"graphroot"`
		RootlessPath string `toml:"rootless_storage_path"` // of everybody but root
	} `toml:"storage"`
}

// PodmanStore is the folder of podman's store: as storage.conf says, else the
// default, which is one for root and another for other users.
func PodmanStore() (string, error) {
	return podmanStore(os.Geteuid() == 0, []string{"/etc/containers/storage.conf", "/usr/share/containers/storage.conf"})
}

// podmanStore is PodmanStore for root or for somebody else, with the system's
// storage.conf files, of which podman reads the first that there is.
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
			if dir == "" || name != own { // a system's graphroot is root's
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

// expandUser replaces variables of the environment in a path, as podman does, and
// $UID, which shells do not export, by the user's number.
func expandUser(path string) string {
	return os.Expand(path, func(name string) string {
		if name == "UID" {
			return strconv.Itoa(os.Getuid())
		}
		return os.Getenv(name)
	})
}
