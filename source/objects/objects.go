// Package objects keeps objects under names, each put once: in a folder, or in a bucket
// of an object store that speaks S3. It knows nothing of images.
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// A Store holds objects. It is safe for concurrent use, by several programs too.
//
// Names are as [ValidName] says. An error of something that is not there wraps
// fs.ErrNotExist; one that trying again will not mend is an [ErrRefused].
type Store interface {
	// Open opens an object to be read at any place.
	Open(ctx context.Context, name string) (Object, error)

	// List calls fn with each object whose name begins with prefix, in the order of the
	// names' bytes. An error of fn ends it and is returned.
	List(ctx context.Context, prefix string, fn func(name string, size int64) error) error

	// Put stores size bytes of r under a name, unless there is an object of that name:
	// then it leaves that as it is and reports false. The object is there whole or not at
	// all, whatever happens on the way. It may read r several times, from its beginning.
	Put(ctx context.Context, name string, r io.ReadSeeker, size int64) (made bool, err error)

	// String is where the store is, for people, without any secret.
	String() string
}

// An Object is open to be read. ReadAt may be called from several goroutines.
type Object interface {
	io.ReaderAt
	io.Closer
	Size() int64 // bytes
}

// ErrRefused says that a store does not let itself be used as it is asked: credentials
// are wrong or have expired, there is no such bucket.
var ErrRefused = errors.New("the store refuses")

// Open opens the store at a place: "s3://BUCKET[/PREFIX]", or a folder, which is made if
// it is not there and create says so.
func Open(ctx context.Context, place string, create bool) (Store, error) {
	if rest, ok := strings.CutPrefix(place, "s3://"); ok {
		return openBucket(ctx, rest)
	}
	if scheme, _, ok := strings.Cut(place, "://"); ok {
		return nil, fmt.Errorf("%q: unknown kind of store %q: write s3://BUCKET/PREFIX or a folder", place, scheme+"://")
	}
	return openFolder(place, create)
}

// maxName bounds names, in bytes. S3 has the same bound.
const maxName = 1024

// ValidName reports whether name can be that of an object: words of letters, digits and
// "-._=", with "/" between them, none of which begins with a dot.
func ValidName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' {
			return false
		}
		for i := range len(part) {
			c := part[i]
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._=", rune(c)) {
				return false
			}
		}
	}
	return true
}

// checkName is ValidName as an error.
func checkName(name string) error {
	if !ValidName(name) {
		return fmt.Errorf("not the name of an object: %q", name)
	}
	return nil
}

// notThere is the error of an object that a store does not have.
func notThere(s Store, name string) error {
	return fmt.Errorf("%s: no object %s: %w", s, name, fs.ErrNotExist)
}
