package fleet

import (
	"io"
	"sync"

	"github.com/peelhq/peel/source"
)

// An object is read in blocks, and some of them are kept. A reader of a table asks for a few bytes
// at many places, and each of these reads would be a request.
const (
	blockSize  = 512 << 10
	keptBlocks = 48
)

// blocks reads an object. It is safe for concurrent use.
type blocks struct {
	from source.Object
	size int64

	mu   sync.Mutex
	kept map[int64][]byte // by number; their bytes never change
	uses []int64          // their numbers, the last used at the end
}

func newBlocks(o source.Object) *blocks {
	return &blocks{from: o, size: o.Size(), kept: map[int64][]byte{}}
}

// ReadAt reads block by block.
func (b *blocks) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		if at < 0 || at >= b.size {
			return n, io.EOF
		}
		block, err := b.block(at / blockSize)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], block[at%blockSize:])
	}
	return n, nil
}

// block returns the block with a number.
func (b *blocks) block(i int64) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if block, ok := b.kept[i]; ok {
		b.use(i)
		return block, nil
	}
	var block []byte
	if len(b.uses) >= keptBlocks {
		delete(b.kept, b.uses[0])
		b.uses = b.uses[1:]
	}
	block = make([]byte, min(blockSize, b.size-i*blockSize))
	if n, err := b.from.ReadAt(block, i*blockSize); n < len(block) {
		if err == io.EOF { //nolint:errorlint // io.ReaderAt's contract is a bare EOF
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	b.kept[i] = block
	b.uses = append(b.uses, i)
	return block, nil
}

// use moves a number to the end.
func (b *blocks) use(i int64) {
	if last := len(b.uses) - 1; b.uses[last] == i {
		return
	}
	for k, u := range b.uses {
		if u == i {
			b.uses = append(append(b.uses[:k:k], b.uses[k+1:]...), i)
			return
		}
	}
}
