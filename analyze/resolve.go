package analyze

import (
	"errors"
	"fmt"
	"strings"

	"github.com/peelhq/peel/source"
)

// maxLinks is the maximum number of symbolic links followed for one path, as in Linux.
const maxLinks = 40

var (
	// ErrNoPath says that a path does not exist.
	ErrNoPath = errors.New("no such path")

	errTooManyLinks = errors.New("too many symbolic links")
)

// Resolve finds a path in the union after layer at, as a process in a container
// would: it follows symbolic links, including the last component if follow is
// true, always inside the root. The error is ErrNoPath if the path does not
// exist.
func Resolve(t *Tree, at int, path string, follow bool) (NodeID, error) {
	todo := split(path)
	n := Root
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			n = t.Parent(n)
			continue
		}
		child, ok := t.child(n, part)
		if !ok {
			return Root, fmt.Errorf("%s: %w after layer %d", path, ErrNoPath, at)
		}
		v, ok := t.At(child, at)
		if !ok {
			return Root, fmt.Errorf("%s: %w after layer %d", path, ErrNoPath, at)
		}
		if v.Kind() != source.Symlink || len(todo) == 0 && !follow {
			n = child
			continue
		}
		if links++; links > maxLinks {
			return Root, fmt.Errorf("%s: %w", path, errTooManyLinks)
		}
		link, _ := v.Target()
		if strings.HasPrefix(link, "/") {
			n = Root
		}
		todo = append(split(link), todo...)
	}
	return n, nil
}

func split(path string) []string { return strings.Split(path, "/") }
