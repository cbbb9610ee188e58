package source

import "bytes"

// A probe of large files: how many bytes are looked at in each of three places,
// and from what size on that is worth it.
const (
	probeBytes = 4 << 10
	probeFrom  = 64 << 10
)

// Differ reports whether two files of one size surely hold different content, by
// looking at a few blocks of each. False says nothing: the files are small, they
// are not cheap to look into, or the blocks are alike.
func Differ(a *Layer, i int, b *Layer, j int) bool {
	from, ok1 := a.plainFile(i)
	other, ok2 := b.plainFile(j)
	size := a.Entries.Size(i)
	if !ok1 || !ok2 || size < probeFrom {
		return false
	}
	x, y := make([]byte, probeBytes), make([]byte, probeBytes)
	for _, at := range []int64{0, size / 2, size - probeBytes} {
		if a.blob.readAt(x, from+at) != nil || b.blob.readAt(y, other+at) != nil {
			return false // whoever reads all of it will say what is wrong
		}
		if !bytes.Equal(x, y) {
			return true
		}
	}
	return false
}

// plainFile returns where entry i begins in the layer's blob; false if it does
// not lie there as it is.
func (l *Layer) plainFile(i int) (offset int64, ok bool) {
	if l.blob == nil || l.blob.at == nil || l.CompressedBytes >= 0 || l.Entries.Stored(i) != l.Entries.Size(i) {
		return 0, false
	}
	return l.Entries.offset(i), true
}
