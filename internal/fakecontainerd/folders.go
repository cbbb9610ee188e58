package fakecontainerd

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// Created is the time in the database at which every image was stored.
var Created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// WriteDB writes the metadata database in containerd's format and returns its path.
func (c *Containerd) WriteDB(t testing.TB) string {
	t.Helper()
	path := filepath.Join(c.Root, "io.containerd.metadata.v1.bolt", "meta.db")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	update(t, path, func(v1 *bbolt.Bucket) error {
		if err := v1.Put([]byte("version"), []byte{8}); err != nil {
			return err
		}
		for namespace, images := range c.images {
			for name, target := range images {
				b, err := bucket(v1, namespace, "images", name)
				if err != nil {
					return err
				}
				created, err := Created.MarshalBinary()
				if err != nil {
					return err
				}
				if err := put(b, "createdat", created); err != nil {
					return err
				}
				if b, err = bucket(b, "target"); err != nil {
					return err
				}
				for k, v := range map[string][]byte{
					"digest": []byte(target.GetDigest()), "mediatype": []byte(target.GetMediaType()),
					"size": binary.AppendVarint(nil, target.GetSize()),
				} {
					if err := put(b, k, v); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	return path
}

// bucket returns a nested bucket, and creates missing ones.
func bucket(b *bbolt.Bucket, names ...string) (_ *bbolt.Bucket, err error) {
	for _, n := range names {
		if b, err = b.CreateBucketIfNotExists([]byte(n)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func put(b *bbolt.Bucket, key string, value []byte) error { return b.Put([]byte(key), value) }
