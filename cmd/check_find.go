package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The names of rules files.
const (
	peelFile  = ".peel.yaml"
	diveFile  = ".dive-ci"
	wrongFile = ".peel.yml" // a common mistake
)

// noConfig is --config's value for no file. An empty value means the same.
const noConfig = "none"

// maxRulesFile bounds a rules file, in bytes.
const maxRulesFile = 64 << 10

// searched lists the directories that may hold a rules file, nearest first: dir
// and its parents up to the root of the repository, which contains .git.
// Outside of a repository it is only dir, because the parents may belong to
// anyone.
func searched(dir string) []string {
	var dirs []string
	for at := dir; ; at = filepath.Dir(at) {
		dirs = append(dirs, at)
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return dirs
		}
		if at == filepath.Dir(at) {
			return []string{dir}
		}
	}
}

// findRules returns the rules file for a working directory: the nearest
// .peel.yaml, else the nearest .dive-ci; "" if there is none. The name is
// relative to dir.
func findRules(dir string) (string, error) {
	dirs := searched(dir)
	found, err := findNearest(dirs, peelFile)
	if err != nil || found != "" {
		return found, err
	}
	if wrong, err := findNearest(dirs, wrongFile); err != nil || wrong != "" {
		return "", cmp.Or(err, fmt.Errorf("%s is not read: rules are in %s", wrong, peelFile))
	}
	return findNearest(dirs, diveFile)
}

// findNearest returns the first file of a name in dirs, relative to the first of
// them; "" if there is none.
func findNearest(dirs []string, name string) (string, error) {
	for _, at := range dirs {
		path := filepath.Join(at, name)
		_, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("looking for the rules: %w", err)
		}
		if rel, err := filepath.Rel(dirs[0], path); err == nil {
			path = rel
		}
		return path, nil
	}
	return "", nil
}

// parse parses a rules file in peel's or dive's format. A named file is recognized by content, a
// found one by name.
func (f *rulesFile) parse(data []byte, named bool) error {
	root, err := document(data)
	if err != nil {
		return err
	}
	if filepath.Base(f.path) == diveFile || named && isDive(root) {
		return readDive(f, root)
	}
	return readPeel(f, root)
}

// readBounded returns the content of a rules file.
func readBounded(path string, named bool) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the rules: %w", withoutCall(err))
	case info.IsDir(), !named && !info.Mode().IsRegular():
		return nil, fmt.Errorf("cannot read the rules: %s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the rules: %w", withoutCall(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRulesFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the rules: %w", withoutCall(err))
	case len(data) > maxRulesFile:
		return nil, fmt.Errorf("%s: rules of more than %d bytes", path, maxRulesFile)
	}
	return data, nil
}
