// Package madeup makes up container images for benchmarks: any number of entries in any number
// of layers, with names, sizes and changes like those of real images. The images are always the
// same.
//
// Entry i of layer k is a function of (k, i), and doesn't depend on earlier entries. So a layer
// can be written without holding it in memory, and a higher layer can refer to the names of a
// lower one.
package madeup

import (
	"archive/tar"
	"bytes"
	"io"
	"math"
	"time"
)

// An Image has the parameters of a made-up image.
type Image struct {
	Entries int   // in all layers together
	Layers  int   // at least 1
	Mean    int64 // mean size of a file in bytes: most are smaller, a few much larger
	Again   int   // percentage of the entries above layer 0 at paths of lower layers

	// Holes replaces contents with zeros, and with holes in a file, so that large images take
	// no disk space. A diffID is then the digest of the layer without its contents.
	Holes bool
}

// groupSize is the number of entries in a group: a directory and its files.
const groupSize = 16

// act is what a group in an upper layer does to one in a lower layer.
type act uint8

const (
	fresh    act = iota // nothing: its paths are new
	chmodded            // writes the same files with another mode
	upgraded            // writes the same names with other contents
	deleted             // writes whiteouts
)

// entries returns how many entries layer k has.
func (im Image) entries(k int) int {
	n := im.Entries / im.Layers
	if k < im.Entries%im.Layers {
		n++
	}
	return n
}

// member returns entry i of layer k, and the position of its content in the pool.
func (im Image) member(k, i int) (*tar.Header, uint64) {
	group, at := i/groupSize, i%groupSize
	from, fromGroup, what := im.origin(k, group)
	dir := dirName(from, fromGroup)
	h := &tar.Header{
		Typeflag: tar.TypeReg,
		Mode:     0o644,
		ModTime:  time.Unix(1_700_000_000+int64(from)*1000+int64(fromGroup%997), 0),
	}
	if at == 0 {
		h.Typeflag, h.Name, h.Mode = tar.TypeDir, dir+"/", 0o755
		return h, 0
	}
	seed := mix(uint64(from), uint64(fromGroup), uint64(at))
	h.Name = dir + "/" + fileName(seed, at)
	if what == deleted {
		h.Name = dir + "/.wh." + fileName(seed, at)
		return h, 0
	}
	switch dice := seed % 100; {
	case dice < 4:
		h.Typeflag, h.Mode, h.Linkname = tar.TypeSymlink, 0o777, "../"+fileName(seed+1, at+1)
		return h, 0
	case dice < 5 && at > 1:
		earlier := mix(uint64(from), uint64(fromGroup), uint64(at-1))
		h.Typeflag, h.Linkname = tar.TypeLink, dir+"/"+fileName(earlier, at-1)
		return h, 0
	case dice < 10:
		h.Mode = 0o755
	}
	if seed>>8%1000 == 0 {
		h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x04\x00\x00"}
	}
	if what == upgraded {
		seed = mix(seed, uint64(k))
		h.ModTime = h.ModTime.Add(time.Duration(k) * time.Hour)
	}
	if what == chmodded {
		h.Mode = 0o600
	}
	h.Size = im.size(seed)
	return h, seed
}

// origin returns the group whose paths group g of layer k uses, and what it does to them.
func (im Image) origin(k, g int) (layer, group int, what act) {
	dice := mix(uint64(k), uint64(g), 0xa9a1)
	if k == 0 || int(dice%100) >= im.Again {
		return k, g, fresh
	}
	layer = int(dice >> 8 % uint64(k))
	groups := (im.entries(layer) + groupSize - 1) / groupSize
	if groups == 0 {
		return k, g, fresh
	}
	group = int(dice >> 24 % uint64(groups))
	switch dice >> 16 % 10 {
	case 0, 1:
		return layer, group, deleted
	case 2, 3, 4, 5:
		return layer, group, upgraded
	}
	return layer, group, chmodded
}

// size draws from a log-normal distribution with this mean (sigma 1.6, so the median is 0.28
// times the mean), cut off at 100 times the mean.
func (im Image) size(seed uint64) int64 {
	const sigma = 1.6
	// The sum of twelve uniform numbers minus six is close to a normal distribution.
	normal := -6.0
	for i := range uint64(12) {
		normal += float64(mix(seed, i, 0x512e)>>11) / (1 << 53)
	}
	size := float64(im.Mean) * math.Exp(sigma*normal-sigma*sigma/2)
	return int64(min(size, 100*float64(im.Mean)))
}

// sink takes a layer's bytes, and zeros that needn't be written.
type sink interface {
	io.Writer
	hole(n int64) error
}

// writeLayer writes layer k as a tar.
func (im Image) writeLayer(k int, to sink) error {
	var head bytes.Buffer
	for i := range im.entries(k) {
		h, seed := im.member(k, i)
		head.Reset()
		if err := tar.NewWriter(&head).WriteHeader(h); err != nil {
			return err
		}
		if _, err := to.Write(head.Bytes()); err != nil {
			return err
		}
		if err := im.content(to, h.Size, seed); err != nil {
			return err
		}
		if err := to.hole(-h.Size & 511); err != nil {
			return err
		}
	}
	_, err := to.Write(make([]byte, 1024))
	return err
}

func (im Image) content(to sink, size int64, seed uint64) error {
	if im.Holes {
		return to.hole(size)
	}
	p := pool()
	for at := int64(seed % uint64(len(p))); size > 0; at = 0 {
		n := min(size, int64(len(p))-at)
		if _, err := to.Write(p[at : at+n]); err != nil {
			return err
		}
		size -= n
	}
	return nil
}

// mix combines several numbers into one that looks random (splitmix64).
func mix(parts ...uint64) uint64 {
	var x uint64
	for _, p := range parts {
		x += p + 0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
	}
	return x
}
