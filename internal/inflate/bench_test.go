package inflate_test

import (
	"archive/tar"
	"bytes"
	stdgzip "compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/peelhq/peel/internal/inflate"
)

// BenchmarkInflate decompresses typical content of layers: each case is a tar of real files of
// the Go installation, or of bytes made with a fixed seed, compressed at the level that engines
// use. It compares this package with klauspost/compress and the standard library. MB/s count
// the uncompressed tar. The environment variable GZ can name another gzip file to decompress.
func BenchmarkInflate(b *testing.B) {
	readers := []struct {
		name string
		open func(io.Reader) (io.Reader, error)
	}{
		{"peel", func(r io.Reader) (io.Reader, error) { return inflate.NewReader(r) }},
		{"klauspost", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		{"standard", func(r io.Reader) (io.Reader, error) { return stdgzip.NewReader(r) }},
	}
	for _, layer := range benchLayers(b) {
		for _, reader := range readers {
			b.Run(layer.name+"/"+reader.name, func(b *testing.B) {
				buf := make([]byte, 256<<10)
				for b.Loop() {
					z, err := reader.open(bytes.NewReader(layer.packed))
					if err != nil {
						b.Fatal(err)
					}
					// The wrappers hide ReadFrom and WriteTo, so that all three copy through
					// the same buffer.
					n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{z}, buf)
					if err != nil {
						b.Fatal(err)
					}
					b.SetBytes(n)
				}
			})
		}
	}
}

type benchLayer struct {
	name   string
	packed []byte // gzip
}

// benchLayers returns the cases of BenchmarkInflate, several megabytes each.
func benchLayers(b *testing.B) []benchLayer {
	b.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		b.Skip("the cases need the files of the Go installation: ", err)
	}
	root := strings.TrimSpace(string(out))
	tool := filepath.Join(root, "pkg", "tool", runtime.GOOS+"_"+runtime.GOARCH)
	src := filepath.Join(root, "src")
	cases := []struct {
		name  string
		files []string
		limit int // of the tar's contents, in bytes
	}{
		{"binary", filesOf(b, tool, "", 0, math.MaxInt64), 8 << 20},
		// Object files for several architectures, which have symbol tables and relocations as
		// shared libraries do.
		{"libraries", filesOf(b, src, ".syso", 0, math.MaxInt64), 8 << 20},
		{"text", filesOf(b, src, ".go", 32<<10, math.MaxInt64), 8 << 20},
		{"small-files", filesOf(b, src, ".go", 0, 4<<10), 4 << 20},
	}
	var layers []benchLayer
	for _, c := range cases {
		if packed := pack(b, tarOf(b, c.files, c.limit), stdgzip.DefaultCompression); len(packed) > 100_000 {
			layers = append(layers, benchLayer{c.name, packed})
		}
	}
	layers = append(layers,
		benchLayer{"packed-data", pack(b, packedData(8<<20), stdgzip.DefaultCompression)},
		benchLayer{"zeros", pack(b, make([]byte, 8<<20), stdgzip.DefaultCompression)})
	if name := os.Getenv("GZ"); name != "" {
		packed, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		layers = append(layers, benchLayer{filepath.Base(name), packed})
	}
	return layers
}

// packedData returns bytes that resemble pictures, archives and wheels to a compressor: no
// redundancy, except for a header that repeats every few kilobytes.
func packedData(n int) []byte {
	rnd := rand.New(rand.NewPCG(7, 8))
	var out bytes.Buffer
	for out.Len() < n {
		fmt.Fprintf(&out, "PK\x03\x04 part/%06d.bin stored", out.Len())
		for range 1000 {
			x := rnd.Uint64()
			out.Write([]byte{byte(x), byte(x >> 8), byte(x >> 16), byte(x >> 24), byte(x >> 32), byte(x >> 40)})
		}
	}
	return out.Bytes()[:n]
}

// filesOf lists the regular files below dir with this suffix and a size of least to most bytes.
func filesOf(b *testing.B, dir, suffix string, least, most int64) (files []string) {
	b.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasSuffix(path, suffix) {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() >= least && info.Size() <= most {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		b.Skip("the cases need the files of the Go installation: ", err)
	}
	return files
}

// tarOf returns a tar of files whose contents take limit bytes; the last one is cut off.
func tarOf(b *testing.B, files []string, limit int) []byte {
	b.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range files {
		if limit == 0 {
			break
		}
		content, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		content = content[:min(len(content), limit)]
		limit -= len(content)
		header := tar.Header{Name: strings.TrimPrefix(filepath.ToSlash(name), "/"), Mode: 0o644, Size: int64(len(content))}
		if err := w.WriteHeader(&header); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}
