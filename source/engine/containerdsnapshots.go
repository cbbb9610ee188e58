package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"
)

// Snapshots are the folders of a containerd snapshotter.
type Snapshots struct {
	Snapshotter string            // "overlayfs"
	Root        string            // the snapshotter's root folder
	Dirs        map[string]string // by snapshot name; each is an upper directory of overlay
}

// upperSnapshotters keep the upper directory of an overlay for each snapshot, in snapshots/ID/fs.
// "native" keeps complete trees.
var upperSnapshotters = []string{"overlayfs", "fuse-overlayfs"}

// ReadSnapshots returns the folders of containerd's snapshots with these names, from its
// databases: in the given namespace, else in any other that has all of them. The error is
// fs.ErrNotExist if none has. Sources: containerd, core/metadata/snapshot.go and
// core/snapshots/storage/bolt.go.
func ReadSnapshots(ctx context.Context, roots ContainerdRoots, namespace string, names []string) (Snapshots, error) {
	var found []storedSnapshots
	err := readBolt(ctx, roots.Metadata, func(tx *bbolt.Tx) (err error) {
		found, err = snapshotKeys(tx, namespace, names)
		return err
	})
	if err != nil {
		return Snapshots{}, err
	}
	if len(found) == 0 {
		return Snapshots{}, fmt.Errorf("containerd has no snapshots of it: %w", fs.ErrNotExist)
	}
	var first error
	for _, s := range found {
		dirs, err := s.dirs(ctx, roots)
		if err == nil {
			return Snapshots{s.snapshotter, roots.Snapshotters[s.snapshotter], dirs}, nil
		}
		if first == nil {
			first = err
		}
	}
	return Snapshots{}, first
}

// storedSnapshots are the names of snapshots in one snapshotter.
type storedSnapshots struct {
	snapshotter string
	keys        map[string]string // keys in the snapshotter's own database, by metadata name
}

// maxSnapshotters is the maximum number of snapshotters inspected in all namespaces.
const maxSnapshotters = 10_000

// snapshotKeys finds these snapshots in each snapshotter of each namespace that has all of them,
// with the given namespace first.
func snapshotKeys(tx *bbolt.Tx, namespace string, names []string) (out []storedSnapshots, err error) {
	v1 := tx.Bucket(schemaVersion)
	if v1 == nil {
		return nil, nil
	}
	spaces := []string{namespace}
	err = v1.ForEachBucket(func(k []byte) error {
		if other := string(k); other != namespace && len(spaces) < maxSnapshotters {
			spaces = append(spaces, other)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	count := 0
	for _, n := range spaces {
		all := below(v1, n, "snapshots")
		if all == nil {
			continue
		}
		err := all.ForEachBucket(func(k []byte) error {
			if count++; count > maxSnapshotters {
				return fmt.Errorf("more than %d snapshotters", maxSnapshotters)
			}
			s := storedSnapshots{snapshotter: string(k), keys: map[string]string{}}
			of := below(all, string(k))
			for _, name := range names {
				b := below(of, name)
				if b == nil {
					return nil
				}
				s.keys[name] = string(b.Get([]byte("name")))
			}
			out = append(out, s)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// dirs returns the snapshotter's folders for them.
func (s *storedSnapshots) dirs(ctx context.Context, roots ContainerdRoots) (map[string]string, error) {
	if !slices.Contains(upperSnapshotters, s.snapshotter) {
		return nil, fmt.Errorf("the folders of the snapshotter %q are not read, only those of %s", s.snapshotter, strings.Join(upperSnapshotters, " and "))
	}
	root := roots.Snapshotters[s.snapshotter]
	if root == "" {
		return nil, fmt.Errorf("containerd does not say where the snapshotter %q keeps its folders", s.snapshotter)
	}
	dirs := map[string]string{}
	err := readBolt(ctx, filepath.Join(root, "metadata.db"), func(tx *bbolt.Tx) error {
		all := below(tx.Bucket(schemaVersion), "snapshots")
		for name, key := range s.keys {
			b := below(all, key)
			if all == nil || b == nil {
				return fmt.Errorf("it has no snapshot %q: %w", key, fs.ErrNotExist)
			}
			id, n := binary.Uvarint(b.Get([]byte("id")))
			if n <= 0 {
				return errors.New("a damaged database: a snapshot has no number")
			}
			dirs[name] = filepath.Join(root, "snapshots", strconv.FormatUint(id, 10), "fs")
		}
		return nil
	})
	return dirs, err
}
