// Package objects stores named objects, each written once, in a folder or in a bucket of an
// object store with the S3 API. It knows nothing about images.
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// A Store holds objects. It is safe for concurrent use, even by several
// programs.
//
// For names, see [ValidName]. The error for a missing object wraps
// fs.ErrNotExist; an error for which a retry is useless is an [ErrRefused].
type Store interface {
	// Open opens an object for random access.
	Open(ctx context.Context, name string) (Object, error)

	// List calls fn with each object whose name has a prefix, in bytewise order of names. It
	// stops at the first error of fn and returns it.
	List(ctx context.Context, prefix string, fn func(name string, size int64) error) error

	// Put stores size bytes of r under a name. If that object exists, it leaves it unchanged and
	// reports false. It writes the object atomically. It may read r several times from the start.
	Put(ctx context.Context, name string, r io.ReadSeeker, size int64) (made bool, err error)

	// String returns the place of the store, for people, without secrets.
	String() string
}

// An Object is an open object. ReadAt may be called from several goroutines.
type Object interface {
	io.ReaderAt
	io.Closer
	Size() int64 // bytes
}

// ErrRefused says that a store rejects requests: the credentials are wrong or have expired, or
// the bucket does not exist.
var ErrRefused = errors.New("the store refuses")

// A RequestError is the failure of a request to an object store for which a retry may help.
type RequestError struct{ error }

func (e *RequestError) Unwrap() error { return e.error }

// Open opens the store at a place: "s3://BUCKET[/PREFIX]", or a folder, which it creates if
// create is set.
func Open(ctx context.Context, place string, create bool) (Store, error) {
	if rest, ok := strings.CutPrefix(place, "s3://"); ok {
		b, err := openBucket(ctx, rest)
		if err != nil {
			return nil, err
		}
		return b, nil
	}
	if scheme, _, ok := strings.Cut(place, "://"); ok {
		return nil, fmt.Errorf("%q: unknown kind of store %q: write s3://BUCKET/PREFIX or a folder", place, scheme+"://")
	}
	return openFolder(place, create)
}

// maxName is the maximum length of a name in bytes. S3 has the same limit.
const maxName = 1024

// ValidName reports whether name is a valid object name: words of letters, digits and "-._=",
// separated by "/", none of which starts with a dot.
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

// notThere is the error for a missing object.
func notThere(s Store, name string) error {
	return fmt.Errorf("%s: no object %s: %w", s, name, fs.ErrNotExist)
}
