package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// maxSettings bounds, in bytes, the files that say where an engine is: Docker's
// and podman's configuration, contexts, certificates. Those in TOML are bounded
// more tightly, because the time to parse them grows with the square of the number
// of keys: it is a quarter of a second for as many as fit. The file that podman
// ships, with all its comments, has 40 kB.
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
	if !info.Mode().IsRegular() {
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

// optionalSettings is readSettings, but nil for a file that is not there; of an
// empty one it is not nil.
func optionalSettings(path string) ([]byte, error) {
	data, err := readSettings(path, maxSettings)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// readTOML reads a file of settings in TOML into the struct that to points at.
// It ignores what the struct has no field for. A missing file changes nothing. Errors name the file and the line, and repeat no value.
func readTOML(path string, to any) error {
	data, err := readSettings(path, maxTOML)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = toml.Unmarshal(data, to)
	if at, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := at.Position()
		return fmt.Errorf("%s, line %d: %w", path, line, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// maxNames bounds how many names of contexts or connections a message lists.
const maxNames = 20

// listed writes names for a message.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	text := strings.Join(names[:min(len(names), maxNames)], ", ")
	if more := len(names) - maxNames; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
