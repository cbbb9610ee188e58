package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strings"

	"github.com/peelhq/peel/source/engine"
	"github.com/peelhq/peel/source/layer"
)

// A containerByAPI is a container's own layer as its engine's API tells it. The
// engine lists which paths are changed; what is there now comes from its archives
// of single paths, or from its export of the whole container, whichever costs less.
//
// The engine finds changes by comparing: what was written again as it was before
// is not among them, and of a directory Docker does not compare the time.
type containerByAPI struct {
	e         engine.Engine
	is        engine.Container
	imageSize int64 // bytes of the image's files
	log       *slog.Logger
}

var _ layer.Reader = (*containerByAPI)(nil)

// archiveCost is how many bytes of an export take an engine as long as one archive
// of a path: Docker starts a program for each.
const archiveCost = 8 << 20

// maxFetches bounds the archives of one layer: each is a request.
const maxFetches = 200

// Scan asks for the changes, and for what is there now.
func (c *containerByAPI) Scan(ctx context.Context, o layer.ScanOptions) (*layer.Scanned, error) {
	listed, err := c.e.Changes(ctx, c.is.ID)
	if err != nil {
		return nil, err
	}
	ch := newChanges(listed)
	a, err := c.read(ctx, o, ch)
	if err != nil {
		return nil, err
	}
	if c.is.State == "running" {
		again, err := c.e.Changes(ctx, c.is.ID)
		if err != nil {
			return nil, err
		}
		newChanges(again).differ(ch, func(path, problem string) { a.Flaw("/"+path, problem) })
	}
	return a.Done(), nil
}

// read gets what the changes have left. It begins with what may cost less, and
// takes the export where single archives do not tell all.
func (c *containerByAPI) read(ctx context.Context, o layer.ScanOptions, ch *changes) (*layer.Assembly, error) {
	fetches := ch.fetches()
	reason := c.needsExport(ch, fetches)
	if reason == "" {
		a := layer.NewAssembly(o)
		f := &changeFilter{changes: ch, a: a}
		if err := c.archives(ctx, f, fetches); err != nil {
			return nil, err
		}
		if !f.maybeLinked() {
			return a, f.addDeleted()
		}
		reason = "two files may be one that has two names"
	}
	c.log.Debug("the container is exported", "container", c.is.Name, "changes", len(ch.kinds), "reason", reason)
	f := &changeFilter{changes: ch, a: layer.NewAssembly(o)}
	if err := c.export(ctx, f); err != nil {
		return nil, err
	}
	return f.a, f.addDeleted()
}

// needsExport says why the container has to be exported as a whole; "" if archives
// of single paths do.
func (c *containerByAPI) needsExport(ch *changes, fetches []fetch) string {
	if c.e.Name() != "docker" {
		return "archives follow symlinks" // podman's do
	}
	if len(fetches) > maxFetches || int64(len(fetches))*archiveCost > c.imageSize {
		return fmt.Sprintf("%d paths would be asked for", len(fetches))
	}
	for _, m := range c.is.Mounts {
		at := strings.Trim(path.Clean("/"+m.Path), "/")
		if _, ok := ch.kinds[at]; ok || ch.below(at) {
			return "something is mounted over " + m.Path
		}
	}
	return ""
}

// archives reads what the fetches name, each by a call.
func (c *containerByAPI) archives(ctx context.Context, f *changeFilter, fetches []fetch) error {
	for _, x := range fetches {
		r, err := c.e.Archive(ctx, c.is.ID, "/"+x.path)
		switch {
		case errors.Is(err, engine.ErrNoPath):
			if _, err := c.e.Container(ctx, c.is.ID); err != nil {
				return err // the container is gone, not the path
			}
			continue // f.addDeleted tells that it is gone
		case err != nil:
			return err
		}
		parent, _ := path.Split(x.path)
		f.call++
		err = errors.Join(f.a.Tar(ctx, r, func(m *layer.Record) layer.Take {
			what := f.take(m, parent)
			if what == layer.Keep && !x.below {
				return layer.KeepLast
			}
			return what
		}), r.Close())
		if err != nil {
			return fmt.Errorf("/%s: %w", x.path, err)
		}
	}
	return nil
}

// export reads the whole container, and keeps what is changed.
func (c *containerByAPI) export(ctx context.Context, f *changeFilter) error {
	if len(f.changes.kinds) == 0 {
		return nil
	}
	r, err := c.e.Export(ctx, c.is.ID, c.imageSize+max(c.is.Size, 0))
	if err != nil {
		return err
	}
	err = f.a.Tar(ctx, r, func(m *layer.Record) layer.Take { return f.take(m, "") })
	return errors.Join(err, r.Close())
}

// Open returns the content of entry i as it is now. If it is not what it was when
// the layer was read, that is an error.
func (c *containerByAPI) Open(ctx context.Context, e *Entries, i int) (io.ReadCloser, error) {
	r, err := c.content(ctx, e, i)
	if err != nil {
		return nil, err
	}
	return e.Verified(i, r, errContainerChanged), nil
}

var errContainerChanged = errors.New("the container has changed the file since its layer was read: open the container again")

// content returns the content of entry i, unverified but for its size.
func (c *containerByAPI) content(ctx context.Context, e *Entries, i int) (io.ReadCloser, error) {
	if err := e.NotFile(i); err != nil {
		return nil, err
	}
	if e.Size(i) == 0 {
		return io.NopCloser(eofReader{}), nil
	}
	name := "/" + strings.Trim(path.Clean("/"+e.At(i).Name), "/")
	for _, m := range c.is.Mounts {
		if at := path.Clean("/" + m.Path); name == at || strings.HasPrefix(name, at+"/") {
			return nil, fmt.Errorf("%q: the engine's API does not give it, because a %s is mounted over it", name, m.Kind)
		}
	}
	r, t, h, err := c.member(ctx, name)
	switch {
	case errors.Is(err, engine.ErrNoPath):
		return nil, fmt.Errorf("%q: %w (%w)", name, errContainerChanged, err)
	case err != nil:
		return nil, err
	case h.Type != File || h.Size != e.Size(i):
		return nil, errors.Join(fmt.Errorf("%q: %w", name, errContainerChanged), r.Close())
	}
	return &openedContent{t.Reader(ctx, h), r}, nil
}

// member asks for the file at a path, and returns the tar that has come, which is at
// its content, and the file's header.
func (c *containerByAPI) member(ctx context.Context, name string) (r io.ReadCloser, t *layer.Tar, h *layer.Header, err error) {
	podman := c.e.Name() == "podman"
	whole := podman && strings.Contains(name, "*") // of which podman makes nothing
	switch {
	case whole:
		r, err = c.e.Export(ctx, c.is.ID, c.imageSize+max(c.is.Size, 0))
	case podman:
		r, err = c.e.Archive(ctx, c.is.ID, globSigns.Replace(name))
	default:
		r, err = c.e.Archive(ctx, c.is.ID, name)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	t, h = layer.NewTarStream(layer.Watched(ctx, r, nil)), &layer.Header{}
	for {
		err = t.Next(h)
		switch {
		case whole && errors.Is(err, io.EOF):
			err = engine.ErrNoPath
		case err == nil && whole && path.Clean("/"+string(h.Name)) != name:
			continue
		}
		if err != nil {
			return nil, nil, nil, errors.Join(fmt.Errorf("%q: %w", name, shorter(err)), r.Close())
		}
		return r, t, h, nil
	}
}

// globSigns are what a pattern has, and a path may have too: podman takes patterns.
var globSigns = strings.NewReplacer(`\`, `\\`, "?", `\?`, "[", `\[`)

// openedContent is content with what it is read from.
type openedContent struct {
	io.Reader
	io.Closer
}

// Each opens one file after the other.
func (c *containerByAPI) Each(ctx context.Context, e *Entries, entries []int, fn func(i int, r io.Reader) error) error {
	return layer.EachOpened(ctx, e, entries, func(i int) (io.ReadCloser, error) { return c.Open(ctx, e, i) }, fn)
}

// Body reads forward in one archive of the file, and asks for another where a
// read goes back.
func (c *containerByAPI) Body(_ context.Context, e *Entries, i int) (*Body, error) {
	if err := e.NotFile(i); err != nil {
		return nil, err
	}
	b := &forwardBody{turn: make(chan struct{}, 1), open: func(ctx context.Context) (io.ReadCloser, error) { return c.content(ctx, e, i) }}
	return layer.NewBody(e.Size(i), b.read, b.close), nil
}

// forwardBody reads any place of what can only be read from its beginning on.
type forwardBody struct {
	open func(ctx context.Context) (io.ReadCloser, error)

	// turn is held, by an element in it, by the goroutine that touches what follows.
	turn   chan struct{}
	r      io.ReadCloser // nil until it is needed
	at     int64
	stop   context.CancelFunc // of r's context
	closed bool
}

func (b *forwardBody) read(ctx context.Context, p []byte, off int64) (n int, err error) {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if b.closed {
		return 0, errors.New("it has been closed")
	}
	if b.r != nil && off < b.at {
		b.drop()
	}
	if b.r == nil {
		// What is opened outlives the read that wants it first.
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		r, err := b.open(own)
		if err != nil {
			stop()
			return 0, err
		}
		b.r, b.at, b.stop = r, 0, stop
	}
	defer context.AfterFunc(ctx, b.stop)()
	skipped, err := io.CopyN(io.Discard, b.r, off-b.at)
	b.at += skipped
	if err == nil {
		n, err = io.ReadFull(b.r, p)
		b.at += int64(n)
	}
	if err != nil {
		b.drop()
		return n, shorter(err)
	}
	return n, nil
}

func (b *forwardBody) drop() {
	if b.r != nil {
		_ = b.r.Close() // nothing more is read from it
		b.stop()
	}
	b.r = nil
}

func (b *forwardBody) close() error {
	select {
	case b.turn <- struct{}{}:
		b.drop()
		b.closed = true
		<-b.turn
	default: // someone reads, and may go on
	}
	return nil
}

// changes are the paths of a container that are not as in its image, without the
// slash that they begin with.
type changes struct {
	kinds map[string]engine.ChangeKind
	paths []string // in an order in which a directory comes before what is in it
}

func newChanges(listed []engine.Change) *changes {
	ch := &changes{kinds: make(map[string]engine.ChangeKind, len(listed))}
	for _, c := range listed {
		name := strings.Trim(path.Clean(c.Path), "/")
		if name == "" {
			continue // the root is always there
		}
		if _, ok := ch.kinds[name]; !ok {
			ch.paths = append(ch.paths, name)
		}
		ch.kinds[name] = c.Kind
	}
	slices.SortFunc(ch.paths, comparePaths)
	return ch
}

// comparePaths orders paths so that all that is in a directory follows it.
func comparePaths(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		switch {
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		}
		return int(a[i]) - int(b[i])
	}
	return len(a) - len(b)
}

// below reports whether something is changed below a directory.
func (ch *changes) below(dir string) bool {
	i, found := slices.BinarySearchFunc(ch.paths, dir, comparePaths)
	if found {
		i++
	}
	return i < len(ch.paths) && strings.HasPrefix(ch.paths[i], dir+"/")
}

// opaque reports whether a path that is said to be deleted is a directory that was
// made again: something else below it is there.
func (ch *changes) opaque(name string) bool {
	if ch.kinds[name] != engine.Deleted {
		return false
	}
	i, _ := slices.BinarySearchFunc(ch.paths, name, comparePaths)
	for _, x := range ch.paths[i+1:] {
		if !strings.HasPrefix(x, name+"/") {
			return false
		}
		if ch.kinds[x] != engine.Deleted {
			return true
		}
	}
	return false
}

// A fetch is one archive to ask for.
type fetch struct {
	path  string
	below bool // with all below it; else only what is at path itself
}

// fetches are the archives that give all that was changed.
func (ch *changes) fetches() []fetch {
	var out []fetch
	whole := "" // the last directory that is fetched with all below it
	for _, p := range ch.paths {
		kind := ch.kinds[p]
		if whole != "" && strings.HasPrefix(p, whole+"/") || kind == engine.Deleted && !ch.opaque(p) {
			continue
		}
		below := kind != engine.Modified
		if below {
			whole = p
		}
		out = append(out, fetch{p, below})
	}
	return out
}

// differ tells of each path that was not changed in the same way before.
func (ch *changes) differ(before *changes, tell func(path, problem string)) {
	for _, p := range ch.paths {
		if kind, ok := before.kinds[p]; !ok || kind != ch.kinds[p] {
			tell(p, "the container changed it while it was read")
		}
	}
	for _, p := range before.paths {
		if _, ok := ch.kinds[p]; !ok {
			tell(p, "the container changed it back while it was read")
		}
	}
}

// A changeFilter takes from tars what is changed.
type changeFilter struct {
	*changes
	a     *layer.Assembly
	call  int // the number of the archive that is read
	name  []byte
	link  []byte
	taken map[string]bool
	calls []int // by entry: the archive that it is from
}

// take says whether a member is changed. Its name, and that of a hard link's
// target, are below parent.
func (f *changeFilter) take(m *layer.Record, parent string) layer.Take {
	f.name = appendClean(f.name[:0], parent, m.Name)
	kind, ok := f.kinds[string(f.name)]
	if !ok || f.taken[string(f.name)] || kind == engine.Deleted && m.Type != Dir {
		return layer.Skip
	}
	if f.taken == nil {
		f.taken = map[string]bool{}
	}
	f.taken[string(f.name)] = true
	m.Name = f.name
	if m.Type == Hardlink {
		f.link = appendClean(f.link[:0], parent, m.Link)
		m.Link = f.link
	}
	f.calls = append(f.calls, f.call)
	return layer.Keep
}

// appendClean appends a member's name below parent, without a slash at either end.
func appendClean(b []byte, parent string, name []byte) []byte {
	return append(append(b, parent...), bytes.Trim([]byte(path.Clean("/"+string(name))), "/")...)
}

// maybeLinked reports whether two files of different archives may be one file: an
// archive names hard links only among what is in it.
func (f *changeFilter) maybeLinked() bool {
	type file struct {
		size, uid, gid, sec int64
		mode                uint32
		sum                 uint64
	}
	seen := map[file]int{}
	e := f.a.Entries()
	for i := range e.Len() {
		if e.Type(i) != File {
			continue
		}
		x := e.Attributes(i)
		key := file{x.Size, x.UID, x.GID, x.Time.Unix(), x.Mode, x.Sum}
		if call, ok := seen[key]; ok && call != f.calls[i] {
			return true
		}
		seen[key] = f.calls[i]
	}
	return false
}

// addDeleted adds what was deleted, and flags what has not come.
func (f *changeFilter) addDeleted() error {
	for _, p := range f.paths {
		dir, base := path.Split(p)
		mark := dir + ".wh." + base
		switch deleted := f.kinds[p] == engine.Deleted; {
		case deleted && f.taken[p]:
			mark = p + "/.wh..wh..opq"
		case deleted:
		case !f.taken[p]:
			f.a.Flaw("/"+p, "not in the engine's archive: a socket, or the container removed it while it was read")
			continue
		default:
			continue
		}
		if err := f.a.Add(&layer.Record{Name: []byte(mark), Type: File, Mode: 0o600}); err != nil {
			return err
		}
	}
	return nil
}
