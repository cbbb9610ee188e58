package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// # Objects that others have stored
//
// A Store holds what peel writes, under names that it makes. Other objects have any key.

// OpenKey opens the object s3://BUCKET/KEY. It reads large blocks
// in advance. Reads don't end with ctx, but with Close. The error for a missing object wraps fs.ErrNotExist.
func OpenKey(ctx context.Context, place string) (Object, error) {
	name, key, err := splitKey(place)
	if err != nil {
		return nil, err
	}
	b, err := openBucket(ctx, name)
	if err != nil {
		return nil, err
	}
	o, err := b.open(ctx, key)
	if err != nil {
		return nil, err
	}
	reading, cancel := context.WithCancel(context.WithoutCancel(ctx))
	o.ctx = reading
	return &keyObject{readAhead{r: o, size: o.size}, cancel}, nil
}

// ListKeys calls fn with each object s3://BUCKET/KEY whose key has the prefix in
// s3://BUCKET[/PREFIX], in bytewise order. It passes over keys with control characters. It stops
// at the first error of fn and returns it.
func ListKeys(ctx context.Context, place string, fn func(place string, size int64) error) error {
	name, prefix, _ := strings.Cut(strings.TrimPrefix(place, "s3://"), "/")
	b, err := openBucket(ctx, name)
	if err != nil {
		return err
	}
	return b.list(ctx, prefix, func(key string, size int64) error {
		if !validKey(key) {
			return nil
		}
		return fn("s3://"+name+"/"+key, size)
	})
}

// splitKey takes s3://BUCKET/KEY apart.
func splitKey(place string) (bucket, key string, err error) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(place, "s3://"), "/")
	if bucket == "" || !validKey(key) {
		return "", "", fmt.Errorf("%w: %q: write s3://BUCKET/KEY", ErrRefused, place)
	}
	return bucket, key, nil
}

// validKey reports whether a key is text of one line.
func validKey(key string) bool {
	return key != "" && len(key) <= maxName && utf8.ValidString(key) &&
		!strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 })
}

// A keyObject ends its requests when it is closed.
type keyObject struct {
	readAhead
	cancel context.CancelFunc
}

func (o *keyObject) Size() int64 { return o.size }

func (o *keyObject) Close() error {
	o.cancel()
	return nil
}

// Sizes in bytes of what readAhead reads at once, and how many such windows it keeps: enough for
// the layers that are read side by side.
const (
	leastWindow = 64 << 10
	mostWindow  = 2 << 20
	mostWindows = 16
)

// readAhead reads a slow source in windows. A window that continues another is twice as large, and
// is requested while the one before is in use. It is safe for concurrent use.
type readAhead struct {
	r    io.ReaderAt
	size int64

	mu      sync.Mutex
	windows []*window // the one used last is the last
}

// A window is a part of the source. b and err are valid when done is closed.
type window struct {
	from, to int64
	done     chan struct{}
	b        []byte
	err      error
}

func (a *readAhead) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	for n < len(p) {
		at := off + int64(n)
		if at >= a.size {
			return n, io.EOF
		}
		w := a.window(at)
		<-w.done
		if w.err != nil {
			a.forget(w)
			return n, w.err
		}
		n += copy(p[n:], w.b[at-w.from:])
	}
	return n, nil
}

// window returns the window that holds the byte at an offset, and requests it if there is none.
func (a *readAhead) window(at int64) *window {
	a.mu.Lock()
	defer a.mu.Unlock()
	size := int64(leastWindow)
	for i, w := range slices.Backward(a.windows) {
		switch {
		case w.from <= at && at < w.to:
			a.windows = append(append(a.windows[:i], a.windows[i+1:]...), w)
			if w.to-w.from > leastWindow && w.to < a.size && !a.holds(w.to) {
				a.request(w.to, min(2*(w.to-w.from), mostWindow))
			}
			return w
		case w.to <= at && at < w.to+leastWindow:
			size = max(size, min(2*(w.to-w.from), mostWindow))
		}
	}
	return a.request(at, size)
}

func (a *readAhead) holds(at int64) bool {
	for _, w := range a.windows {
		if w.from <= at && at < w.to {
			return true
		}
	}
	return false
}

// request starts to read a window, in place of the one that was used least recently if there are
// too many.
func (a *readAhead) request(from, size int64) *window {
	w := &window{from: from, to: min(from+size, a.size), done: make(chan struct{})}
	if len(a.windows) >= mostWindows {
		a.windows = append(a.windows[:0], a.windows[1:]...)
	}
	a.windows = append(a.windows, w)
	go func() {
		defer close(w.done)
		w.b = make([]byte, w.to-w.from)
		n, err := a.r.ReadAt(w.b, w.from)
		if n < len(w.b) {
			w.err = err
			if err == nil || errors.Is(err, io.EOF) {
				w.err = io.ErrUnexpectedEOF
			}
		}
	}()
	return w
}

// forget drops a window that could not be read, so that it is requested again.
func (a *readAhead) forget(w *window) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.windows {
		if a.windows[i] == w {
			a.windows = append(a.windows[:i], a.windows[i+1:]...)
			return
		}
	}
}
