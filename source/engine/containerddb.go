package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// A ContainerdDB is containerd's metadata database. It says the same as the API, even if
// containerd does not respond. It is read once. Source of the format: containerd,
// core/metadata/buckets.go.
type ContainerdDB struct {
	namespaces []string
	images     map[string][]ContainerdImage // by namespace
}

// schemaVersion is the bucket for this version of the schema.
var schemaVersion = []byte("v1")

// ReadContainerdDB reads the database at path; see readBolt.
func ReadContainerdDB(ctx context.Context, path string) (*ContainerdDB, error) {
	db := newContainerdDB()
	if err := readBolt(ctx, path, func(tx *bbolt.Tx) error { return db.read(ctx, tx) }); err != nil {
		return nil, err
	}
	return db, nil
}

func newContainerdDB() *ContainerdDB {
	return &ContainerdDB{images: map[string][]ContainerdImage{}}
}

// read reads everything in one transaction.
func (db *ContainerdDB) read(ctx context.Context, tx *bbolt.Tx) error {
	v1 := tx.Bucket(schemaVersion)
	if v1 == nil {
		return nil // a containerd that was never used
	}
	count := 0
	return v1.ForEachBucket(func(namespace []byte) error {
		name := string(namespace)
		db.namespaces = append(db.namespaces, name)
		images := below(v1, name, "images")
		if images == nil {
			return nil
		}
		return images.ForEachBucket(func(k []byte) error {
			if count++; count > MaxListed {
				return fmt.Errorf("more than %d images", MaxListed)
			}
			im, err := storedContainerdImage(below(images, string(k)))
			if err != nil {
				return fmt.Errorf("image %q: %w", k, err)
			}
			im.Namespace, im.Name = name, string(k)
			db.images[name] = append(db.images[name], im)
			return ctx.Err()
		})
	})
}

// below returns the nested bucket with these names, or nil.
func below(b *bbolt.Bucket, names ...string) *bbolt.Bucket {
	for _, n := range names {
		if b == nil {
			return nil
		}
		b = b.Bucket([]byte(n))
	}
	return b
}

// storedContainerdImage reads the bucket of an image.
func storedContainerdImage(b *bbolt.Bucket) (im ContainerdImage, err error) {
	target := below(b, "target")
	if target == nil {
		return im, errors.New("it has no target")
	}
	im.Digest, im.MediaType = string(target.Get([]byte("digest"))), string(target.Get([]byte("mediatype")))
	im.Size, _ = binary.Varint(target.Get([]byte("size")))
	var created time.Time
	if text := b.Get([]byte("createdat")); len(text) > 0 && created.UnmarshalBinary(text) == nil && created.Unix() > 0 {
		im.Created = created.UTC()
	}
	return im, nil
}

// Namespaces lists the namespaces, in no particular order.
func (db *ContainerdDB) Namespaces(context.Context) ([]string, error) { return db.namespaces, nil }

// Images lists the images of a namespace, in no particular order.
func (db *ContainerdDB) Images(_ context.Context, namespace string) ([]ContainerdImage, error) {
	return db.images[namespace], nil
}
