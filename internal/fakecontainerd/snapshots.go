package fakecontainerd

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
)

// WriteSnapshots writes a namespace's snapshots of one snapshotter into the databases. Each
// name is a snapshot on top of the previous one. It returns the snapshots' folders, which are
// empty. Call WriteDB first.
func (c *Containerd) WriteSnapshots(t testing.TB, namespace, snapshotter string, names ...string) []string {
	t.Helper()
	root := filepath.Join(c.Root, "io.containerd.snapshotter.v1."+snapshotter)
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	c.Exports[[2]string{"io.containerd.snapshotter.v1", snapshotter}] = map[string]string{"root": root}
	key := func(i int) string { return fmt.Sprintf("%s/%d/%s", namespace, 2*i+1, names[i]) }

	update(t, filepath.Join(c.Root, "io.containerd.metadata.v1.bolt", "meta.db"), func(v1 *bbolt.Bucket) error {
		for i, name := range names {
			b, err := bucket(v1, namespace, "snapshots", snapshotter, name)
			if err == nil {
				err = put(b, "name", []byte(key(i)))
			}
			if err == nil && i > 0 {
				err = put(b, "parent", []byte(names[i-1]))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	var dirs []string
	update(t, filepath.Join(root, "metadata.db"), func(v1 *bbolt.Bucket) error {
		for i := range names {
			b, err := bucket(v1, "snapshots", key(i))
			if err == nil {
				err = put(b, "id", binary.AppendUvarint(nil, uint64(1000+i)))
			}
			if err == nil {
				err = put(b, "kind", []byte{3}) // committed
			}
			if err != nil {
				return err
			}
			dirs = append(dirs, filepath.Join(root, "snapshots", fmt.Sprint(1000+i), "fs"))
		}
		return nil
	})
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dirs
}

// update changes the bucket of the schema's version in a database.
func update(t testing.TB, path string, fn func(v1 *bbolt.Bucket) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		v1, err := tx.CreateBucketIfNotExists([]byte("v1"))
		if err != nil {
			return err
		}
		return fn(v1)
	})
	if err != nil {
		t.Fatal(err)
	}
}
