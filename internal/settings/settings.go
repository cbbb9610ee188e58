// Package settings reads other programs' settings files: those of Docker, podman and
// containerd. Since anyone may have written them, each must be a regular file of bounded size,
// and no message repeats its content.
package settings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/pelletier/go-toml/v2"
)

// Bounds on a file, in bytes. TOML files have a smaller bound, because the time to parse one
// grows with the square of the number of keys: it is a quarter of a second for as many as fit.
// The containers.conf that podman ships, with all its comments, has 40 kB; Debian's
// shortnames.conf has 10 kB.
const (
	Most     = 4 << 20
	MostTOML = 128 << 10
)

// Read reads a regular file of at most Most bytes. The error names the file, and is
// fs.ErrNotExist if the file doesn't exist.
func Read(path string) ([]byte, error) { return read(path, Most) }

// Optional is Read, but returns nil for a file that doesn't exist. For an empty file, the
// result isn't nil.
func Optional(path string) ([]byte, error) {
	data, err := Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// ReadTOML is Read for a file of at most MostTOML bytes.
func ReadTOML(path string) ([]byte, error) { return read(path, MostTOML) }

// TOML reads a file of at most MostTOML bytes into the struct that to points to. It ignores
// keys without a field. If the file doesn't exist, it changes nothing and returns false. Errors
// name the file and the line, and repeat no value.
func TOML(path string, to any) (found bool, err error) {
	data, err := ReadTOML(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, ParseTOML(path, data, to)
}

// ParseTOML is TOML for the content of the file at path.
func ParseTOML(path string, data []byte, to any) error {
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

func read(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for a writer
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
