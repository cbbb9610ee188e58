package layer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/zeebo/xxh3"
)

// ErrChanged says that a file of a folder has changed since it was listed.
var ErrChanged = errors.New("it changed while the folder was read: open the folder again")

// Open returns the content of entry i. It fails with ErrChanged if the file changes between
// listing and the end of reading.
func (f *Folder) Open(ctx context.Context, e *Entries, i int) (io.ReadCloser, error) {
	var find folderFinder
	defer find.close()
	return f.open(ctx, e, i, &find)
}

// Each opens the files one after the other.
func (f *Folder) Each(ctx context.Context, e *Entries, entries []int, fn func(i int, r io.Reader) error) error {
	var find folderFinder
	defer find.close()
	return EachOpened(ctx, e, entries, func(i int) (io.ReadCloser, error) { return f.open(ctx, e, i, &find) }, fn)
}

// Body returns the content of entry i. Each read fails with ErrChanged if the file has changed
// since it was listed.
func (f *Folder) Body(ctx context.Context, e *Entries, i int) (*Body, error) {
	if err := e.NotFile(i); err != nil {
		return nil, err
	}
	if open := f.elsewhere[i]; open != nil {
		return f.bodyElsewhere(ctx, e, i, open)
	}
	if e.Size(i) == 0 {
		return NewBody(0, nil, nil), nil
	}
	var find folderFinder
	defer find.close()
	file, err := f.file(e, i, &find)
	if err != nil {
		return nil, err
	}
	return NewBody(e.Size(i), file.readAt, file.file.Close), nil
}

// bodyElsewhere opens the content of entry i, which is outside of the folder.
func (f *Folder) bodyElsewhere(ctx context.Context, e *Entries, i int, open func(context.Context) (*Body, error)) (*Body, error) {
	b, err := open(ctx)
	if err == nil && b.Size() != e.Size(i) {
		err = errors.Join(ErrChanged, b.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", e.At(i).Name, err)
	}
	return b, nil
}

// open returns the content of entry i.
func (f *Folder) open(ctx context.Context, e *Entries, i int, find *folderFinder) (io.ReadCloser, error) {
	if err := e.NotFile(i); err != nil {
		return nil, err
	}
	if open := f.elsewhere[i]; open != nil {
		b, err := f.bodyElsewhere(ctx, e, i, open)
		if err != nil {
			return nil, err
		}
		return &bodyReader{ctx: ctx, body: b}, nil
	}
	if e.Size(i) == 0 {
		return io.NopCloser(&bodyReader{ctx: ctx, body: NewBody(0, nil, nil)}), nil
	}
	file, err := f.file(e, i, find)
	if err != nil {
		return nil, err
	}
	return file.content(ctx, e.sparse(i)), nil
}

// A folderFile is an open file of a folder.
type folderFile struct {
	file  *os.File
	name  string // in the folder, for messages
	size  int64
	state uint64 // when listed
}

// file opens the file of entry i.
func (f *Folder) file(e *Entries, i int, find *folderFinder) (*folderFile, error) {
	name := e.AppendName(nil, i)
	state, ok := f.states.of(i)
	if !ok {
		return nil, fmt.Errorf("%q: %w", name, ErrGone)
	}
	file, status, err := f.root.openFile(name, find)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, withoutPath(err))
	}
	if status.state() != state {
		return nil, errors.Join(fmt.Errorf("%q: %w", name, ErrChanged), file.Close())
	}
	return &folderFile{file, string(name), e.Size(i), state}, nil
}

// unchanged returns an error if the file has changed since it was listed.
func (f *folderFile) unchanged() error {
	status, err := statFile(f.file)
	if err == nil && status.state() != f.state {
		err = ErrChanged
	}
	return f.wrap(err)
}

func (f *folderFile) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%q: %w", f.name, withoutPath(err))
}

// readAt is a readFunc for the file's content.
func (f *folderFile) readAt(_ context.Context, p []byte, off int64) (int, error) {
	n, err := f.file.ReadAt(p, off)
	if n > 0 || errors.Is(err, io.EOF) {
		// A file that has become shorter has changed.
		if changed := f.unchanged(); changed != nil {
			return 0, changed
		}
		if n > 0 {
			return n, nil
		}
		return 0, f.wrap(ErrChanged)
	}
	return 0, f.wrap(err)
}

// content returns a reader of the whole file, which closes it. It recognizes the holes of a
// sparse file.
func (f *folderFile) content(ctx context.Context, sparse bool) io.ReadCloser {
	fragments := []fragment{{0, f.size}}
	if sparse {
		if data, ok := dataOf(f.file, f.size); ok {
			fragments = data
		}
	}
	data := &fragmentReader{ctx: ctx, file: f, left: slices.Clone(fragments)}
	if !sparse {
		return &verified{data, f, false}
	}
	return &verified{&sparseReader{ctx: ctx, data: data, fragments: fragments, size: f.size}, f, false}
}

// A fragmentReader reads the data pieces of a file.
type fragmentReader struct {
	ctx  context.Context
	file *folderFile
	left []fragment
}

func (r *fragmentReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	for len(r.left) > 0 && r.left[0].length == 0 {
		r.left = r.left[1:]
	}
	if len(r.left) == 0 {
		return 0, io.EOF
	}
	at := &r.left[0]
	n, err := r.file.file.ReadAt(p[:min(int64(len(p)), at.length)], at.offset)
	if n > 0 {
		at.offset += int64(n)
		at.length -= int64(n)
		return n, nil
	}
	if errors.Is(err, io.EOF) { // it has more bytes
		err = ErrChanged
	}
	return 0, r.file.wrap(err)
}

// Skip skips n bytes.
func (r *fragmentReader) Skip(n int64) error {
	for ; n > 0 && len(r.left) > 0; r.left = r.left[1:] {
		at := &r.left[0]
		if n < at.length {
			at.offset += n
			at.length -= n
			return nil
		}
		n -= at.length
	}
	if n > 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// A verified reader reads a file that must not change meanwhile.
type verified struct {
	io.Reader
	file *folderFile
	done bool
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.Reader.Read(p)
	if err == io.EOF && !v.done {
		if changed := v.file.unchanged(); changed != nil {
			return n, changed
		}
		v.done = true
	}
	return n, err
}

// Skip skips n bytes.
func (v *verified) Skip(n int64) error {
	if s, ok := v.Reader.(Skipper); ok {
		return s.Skip(n)
	}
	if _, err := io.CopyN(io.Discard, onlyReader{v}, n); err != nil {
		return noEOF(err)
	}
	return nil
}

// WriteTo writes the rest of the file, with holes if w is a HoleWriter.
func (v *verified) WriteTo(w io.Writer) (int64, error) {
	to, ok := v.Reader.(io.WriterTo)
	if !ok {
		return io.Copy(w, onlyReader{v})
	}
	n, err := to.WriteTo(w)
	if err == nil {
		err = v.file.unchanged()
	}
	return n, err
}

func (v *verified) Close() error { return v.file.file.Close() }

// onlyReader hides a reader's other methods.
type onlyReader struct{ r io.Reader }

func (r onlyReader) Read(p []byte) (int, error) { return r.r.Read(p) }

// A bodyReader reads a Body from its start and closes it.
type bodyReader struct {
	ctx  context.Context
	body *Body
	at   int64
}

func (r *bodyReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := r.body.ReadAt(r.ctx, p, r.at)
	r.at += int64(n)
	if n > 0 && err == io.EOF { //nolint:errorlint // io.Reader's contract is a bare EOF
		err = nil
	}
	return n, err
}

func (r *bodyReader) Close() error { return r.body.Close() }

// sum computes checksums for Sum of all readable files. Unreadable or changed files get none and
// count as different from everything. Unreadable files were reported when listed; a changed file
// has several contents, so "different" is correct.
func (f *Folder) sum(ctx context.Context, e *Entries, entries []int) error {
	var find folderFinder
	defer find.close()
	for _, i := range regular(e, entries) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, kind, known := e.Checksum(i); known && (kind == XXH3 || kind == SparseSum) {
			continue
		}
		if sum, err := f.sumOf(ctx, e, i, &find); err == nil {
			e.late.set(i, sum)
		}
	}
	return ctx.Err()
}

// sumOf returns the checksum of entry i's content, of the kind that Entries.Checksum reports.
func (f *Folder) sumOf(ctx context.Context, e *Entries, i int, find *folderFinder) (sum uint64, err error) {
	r, err := f.open(ctx, e, i, find)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if v, ok := r.(*verified); ok && e.holey(i) {
		if s, ok := v.Reader.(*sparseReader); ok {
			x, err := sparseSum(s.fragments, s.size, e.Stored(i), s.data)
			if err == nil {
				err = v.file.unchanged()
			}
			return x.Sum64(), err
		}
	}
	x := xxh3.New()
	_, err = io.Copy(x, r)
	return x.Sum64(), err
}
