package layer

import (
	"context"
	"io"
	"slices"
	"sort"
)

// A sparseMap is the map of a sparse file in a tar.
type sparseMap struct {
	fragments []fragment
	stored    []int64 // offset in the tar of each fragment's data
	size      int64   // of the file, including holes
}

func newSparseMap(h *Header) *sparseMap {
	m := &sparseMap{fragments: slices.Clone(h.fragments), stored: make([]int64, len(h.fragments)), size: h.Size}
	at := h.Content
	for k, f := range m.fragments {
		m.stored[k] = at
		at += f.length
	}
	return m
}

// reader returns a function that reads the file through a readFunc of the tar.
func (m *sparseMap) reader(tar readFunc) readFunc {
	return func(ctx context.Context, p []byte, off int64) (int, error) {
		// The first fragment that does not end before off.
		k := sort.Search(len(m.fragments), func(k int) bool { return m.fragments[k].offset+m.fragments[k].length > off })
		end := m.size
		if k < len(m.fragments) {
			f := m.fragments[k]
			if off >= f.offset {
				p = p[:min(int64(len(p)), f.offset+f.length-off)]
				return tar(ctx, p, m.stored[k]+off-f.offset)
			}
			end = f.offset
		}
		p = p[:min(int64(len(p)), end-off)]
		clear(p)
		return len(p), nil
	}
}

// At gives random access to the content of the member that h describes, in the tar in r; holes
// read as zeros.
func (h *Header) At(r io.ReaderAt) io.ReaderAt {
	if !h.Sparse {
		return io.NewSectionReader(r, h.Content, h.Size)
	}
	m := newSparseMap(h)
	return &sparseAt{m, m.reader(func(_ context.Context, p []byte, off int64) (int, error) { return r.ReadAt(p, off) })}
}

// Pieces returns the member's number of data pieces: one unless it is sparse.
func (h *Header) Pieces() int {
	if !h.Sparse {
		return 1
	}
	return len(h.fragments)
}

// sparseAt gives random access to a sparse file.
type sparseAt struct {
	*sparseMap
	read readFunc
}

func (s *sparseAt) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		left := s.size - off - int64(n)
		if left <= 0 {
			return n, io.EOF
		}
		got, err := s.read(context.Background(), p[n:n+int(min(int64(len(p)-n), left))], off+int64(n))
		n += got
		if err != nil && got == 0 {
			return n, noEOF(err)
		}
	}
	return n, nil
}
