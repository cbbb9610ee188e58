package analyze

import (
	"errors"
	"fmt"
	"strings"

	"github.com/peelhq/peel/source"
)

// maxLinks bounds the symbolic links followed for one path, as Linux does.
const maxLinks = 40

var (
	// ErrNoPath says that a path is not there.
	ErrNoPath = errors.New("no such path")

	errTooManyLinks = errors.New("too many symbolic links")
)

// Resolve finds a path in the union after layer at, as a process in a container
// would: symbolic links in it are followed, that at its end too if follow is
// true, always inside the root. The error is ErrNoPath if it leads nowhere.
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
