package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
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
	p, err := OpenPrefix(ctx, "s3://"+name+"/")
	if err != nil {
		return nil, err
	}
	return p.Open(ctx, key)
}

// A Prefix is the beginning of the keys of some objects in a bucket. It is like a folder of files.
// It reads large blocks in advance; its objects share the memory for them.
type Prefix struct {
	b       *bucket
	keys    string // what the keys begin with
	windows *windows
	ctx     context.Context //nolint:containedctx // for reads, which have none
	cancel  context.CancelFunc
}

// OpenPrefix opens s3://BUCKET/[PREFIX]. Reads don't end with ctx, but with Close.
func OpenPrefix(ctx context.Context, place string) (*Prefix, error) {
	name, keys, _ := strings.Cut(strings.TrimPrefix(place, "s3://"), "/")
	if name == "" || keys != "" && !validKey(keys) {
		return nil, fmt.Errorf("%w: %q: write s3://BUCKET/PREFIX/", ErrRefused, place)
	}
	b, err := openBucket(ctx, name)
	if err != nil {
		return nil, err
	}
	reading, cancel := context.WithCancel(context.WithoutCancel(ctx))
	return &Prefix{b, keys, newWindows(), reading, cancel}, nil
}

// Open opens the object whose key is the prefix followed by name. The error for a missing object
// wraps fs.ErrNotExist.
func (p *Prefix) Open(ctx context.Context, name string) (Object, error) {
	key := p.keys + name
	if !validKey(key) {
		return nil, fmt.Errorf("%q: not the key of an object", name)
	}
	o, err := p.b.open(ctx, key)
	if err != nil {
		return nil, err
	}
	reading, cancel := context.WithCancel(p.ctx)
	o.ctx = reading
	return &keyObject{readAhead{r: o, size: o.size, windows: p.windows}, cancel}, nil
}

// Close ends the reads of all objects.
func (p *Prefix) Close() error {
	p.cancel()
	return nil
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

// Sizes in bytes of what readAhead reads at once, and in total.
const (
	leastWindow = 64 << 10
	mostWindow  = 2 << 20
	allWindows  = 32 << 20
)

// windows are parts of one or more sources that were read in advance.
type windows struct {
	most    int   // windows to keep
	largest int64 // bytes of one

	mu  sync.Mutex
	all []*window // the one used last is the last
}

// newWindows makes room for the layers that are read side by side, one for each processor: for
// each of them the window in use, the next one, and one for other reads.
func newWindows() *windows {
	most := max(allWindows/mostWindow, 3*runtime.GOMAXPROCS(0))
	return &windows{most: most, largest: max(allWindows/int64(most), 4*leastWindow)}
}

// readAhead reads a slow source in windows. A window that continues another is twice as large, and
// is requested while the one before is in use. It is safe for concurrent use.
type readAhead struct {
	r       io.ReaderAt
	size    int64
	windows *windows
}

// A window is a part of a source. b and err are valid when done is closed.
type window struct {
	of       *readAhead
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
			a.windows.forget(w)
			return n, w.err
		}
		n += copy(p[n:], w.b[at-w.from:])
	}
	return n, nil
}

// window returns the window that holds the byte at an offset, and requests it if there is none.
func (a *readAhead) window(at int64) *window {
	l := a.windows
	l.mu.Lock()
	defer l.mu.Unlock()
	size := int64(leastWindow)
	for i, w := range slices.Backward(l.all) {
		switch {
		case w.of != a:
		case w.from <= at && at < w.to:
			l.all = append(append(l.all[:i], l.all[i+1:]...), w)
			if w.to-w.from > leastWindow && w.to < a.size && !a.holds(w.to) {
				a.request(w.to, min(2*(w.to-w.from), l.largest))
			}
			return w
		case w.to <= at && at < w.to+leastWindow:
			size = max(size, min(2*(w.to-w.from), l.largest))
		}
	}
	return a.request(at, size)
}

// holds reports whether a window holds the byte at an offset. The caller holds the lock.
func (a *readAhead) holds(at int64) bool {
	return slices.ContainsFunc(a.windows.all, func(w *window) bool { return w.of == a && w.from <= at && at < w.to })
}

// request starts to read a window, in place of the one that was used least recently if there are
// too many. The caller holds the lock.
func (a *readAhead) request(from, size int64) *window {
	l := a.windows
	w := &window{of: a, from: from, to: min(from+size, a.size), done: make(chan struct{})}
	if len(l.all) >= l.most {
		l.all = append(l.all[:0], l.all[1:]...)
	}
	l.all = append(l.all, w)
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
func (l *windows) forget(w *window) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.all, w); i >= 0 {
		l.all = slices.Delete(l.all, i, i+1)
	}
}
