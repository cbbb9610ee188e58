// Package settings reads other programs' files of settings: Docker's, podman's,
// containerd's. They may have been written by anybody, so each is bounded and has to
// be a regular file, and no message repeats what stands in one.
package settings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/pelletier/go-toml/v2"
)

// Bounds on a file, in bytes. Those in TOML are bounded more tightly, because the
// time to parse one grows with the square of the number of its keys: it is a quarter
// of a second for as many as fit. The containers.conf that podman ships, with all its
// comments, has 40 kB; Debian's shortnames.conf 10 kB.
const (
	Most     = 4 << 20
	MostTOML = 128 << 10
)

// Read reads a regular file of at most Most bytes. The error is fs.ErrNotExist if
// there is none, and names the file.
func Read(path string) ([]byte, error) { return read(path, Most) }

// Optional is Read, but nil for a file that does not exist. Of an empty file it is
// not nil.
func Optional(path string) ([]byte, error) {
	data, err := Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// ReadTOML is Read for a file of at most MostTOML bytes.
func ReadTOML(path string) ([]byte, error) { return read(path, MostTOML) }

// TOML reads a file of at most MostTOML bytes into the struct that to points at. It
// ignores what the struct has no field for. A file that does not exist changes
// nothing, and found is false. Errors name the file and the line, and repeat no value.
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

// ParseTOML is TOML for what has been read of the file at path.
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
	if !info.Mode().IsRegular() { // to open a pipe would wait for somebody to write to it
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
