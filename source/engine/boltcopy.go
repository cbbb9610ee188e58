package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"

	"github.com/peelhq/peel/internal/draft"
)

// Limits on copying a database: its bytes, the attempts while it is being written, and the delay
// between them.
const (
	maxBolt       = 256 << 20
	maxBoltCopies = 200
	boltPause     = 5 * time.Millisecond
)

// errChanged says that a database was written while it was copied.
var errChanged = errors.New("it changes all the time: peel cannot copy it whole")

// readBolt calls fn with a consistent copy of the newest state of a database, without locking or
// writing the original, which its owner may write meanwhile. fn must not keep references to it. A
// damaged database is an error.
func readBolt(ctx context.Context, path string, fn func(*bbolt.Tx) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	copied, size, err := copyBolt(ctx, f)
	if err == nil {
		err = errors.Join(checkBolt(ctx, copied, size))
	}
	if err == nil {
		err = viewBolt(copied, fn)
	} else if copied != nil {
		err = errors.Join(err, copied.Close())
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return err
}

// copyBolt copies a database to an unlinked file.
func copyBolt(ctx context.Context, f *os.File) (copied *os.File, size int64, err error) {
	if copied, err = draft.Scratch(); err != nil {
		return nil, 0, fmt.Errorf("making a temporary file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, copied.Close())
			copied = nil
		}
	}()
	for range maxBoltCopies {
		size, err = copyOnce(ctx, f, copied)
		if !errors.Is(err, errChanged) {
			return copied, size, err
		}
		select {
		case <-ctx.Done():
			return copied, 0, ctx.Err()
		case <-time.After(boltPause):
		}
	}
	return copied, 0, errChanged
}

// copyOnce copies a database, and fails if it is written meanwhile.
func copyOnce(ctx context.Context, f, to *os.File) (int64, error) {
	before, err := readBoltRoot(f)
	if err != nil {
		return 0, changed(ctx, f, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return 0, err
	case !info.Mode().IsRegular():
		return 0, errors.New("not a regular file")
	case info.Size() > maxBolt:
		return 0, fmt.Errorf("%d bytes, more than the %d allowed for such a file", info.Size(), int64(maxBolt))
	}
	if err := to.Truncate(0); err != nil {
		return 0, err
	}
	n, err := io.Copy(io.NewOffsetWriter(to, 0), io.NewSectionReader(f, 0, info.Size()))
	if err != nil {
		return 0, err
	}
	after, err := readBoltRoot(f)
	switch {
	case err != nil:
		return 0, changed(ctx, f, err)
	case after.tx != before.tx:
		return 0, errChanged
	}
	return n, ctx.Err()
}

// changed distinguishes a database whose meta pages are being written from a damaged one, which
// stays as it is.
func changed(ctx context.Context, f *os.File, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	time.Sleep(boltPause)
	if _, again := readBoltRoot(f); again == nil {
		return errChanged
	}
	return err
}

// viewBolt calls fn with a checked database and closes the file. It also converts a fault missed
// by the check to an error.
func viewBolt(f *os.File, fn func(*bbolt.Tx) error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(before)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a damaged database: %v", r)
		}
	}()
	db, err := bbolt.Open(f.Name(), 0, &bbolt.Options{
		ReadOnly: true, Timeout: time.Second,
		OpenFile: func(string, int, fs.FileMode) (*os.File, error) { return f, nil },
	})
	if err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(db.View(fn), db.Close())
}
