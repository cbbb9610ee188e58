package registry

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/pelletier/go-toml/v2"
)

// Bounds on the files of settings that are read, in bytes. Those in TOML are
// bounded more tightly, for the time to parse them grows with the square of the
// number of keys. Debian's shortnames.conf is 10 kB.
const (
	maxSettings = 4 << 20
	maxTOML     = 128 << 10
)

// readSettings reads a regular file of at most limit bytes. The error is
// fs.ErrNotExist if there is none, and names the file.
func readSettings(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for somebody to write to it
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return data, nil
}

// readTOML reads a file of settings into the struct that to points at. What the
// struct has no field for is passed over. found is false if there is no such file.
// Errors name the file and the line, and repeat no value.
func readTOML(path string, to any) (found bool, err error) {
	data, err := readSettings(path, maxTOML)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, parseTOML(path, data, to)
}

func parseTOML(path string, data []byte, to any) error {
	err := toml.Unmarshal(data, to)
	if at, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := at.Position()
		return fmt.Errorf("%s, line %d: %w", path, line, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

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
