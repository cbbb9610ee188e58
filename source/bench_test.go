package source_test

import (
	"archive/tar"
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/peelhq/peel/bench/madeup"
	"github.com/peelhq/peel/source"
)

// benchImage describes the images that the benchmarks read. They have the same entries and lie
// in files, as they do in practice. The operating system has the files in memory.
var benchImage = madeup.Image{Entries: 20_000, Layers: 4, Mean: 4000, Again: 10}

// BenchmarkPlain reads the headers of plain layers in a seekable file, with peel and with
// archive/tar as a yardstick.
func BenchmarkPlain(b *testing.B) {
	path := filepath.Join(b.TempDir(), "docker.tar")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(benchImage.WriteDocker(f), f.Close()); err != nil {
		b.Fatal(err)
	}
	b.Run("peel", func(b *testing.B) { benchmarkScan(b, path) })
	b.Run("archive-tar", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if n := bareScan(b, path); n != benchImage.Entries {
				b.Fatalf("%d entries", n)
			}
		}
		perSecond(b, benchImage.Entries)
	})
}

// BenchmarkPacked reads compressed layers once and computes the checksums of all contents. Its
// MB/s count compressed bytes.
func BenchmarkPacked(b *testing.B) {
	for _, packing := range []string{"gzip", "zstd"} {
		b.Run(packing, func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), packing)
			if err := benchImage.WriteOCI(dir, packing); err != nil {
				b.Fatal(err)
			}
			im, err := source.Open(b.Context(), dir, source.Options{})
			if err != nil {
				b.Fatal(err)
			}
			if err := im.Scan(b.Context()); err != nil {
				b.Fatal(err)
			}
			var bytes int64
			for _, l := range im.Layers {
				bytes += l.CompressedBytes
			}
			if err := im.Close(); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(bytes)
			benchmarkScan(b, dir)
		})
	}
}

// benchmarkScan opens an image and reads the entries of all its layers.
func benchmarkScan(b *testing.B, ref string) {
	b.ReportAllocs()
	for b.Loop() {
		im, err := source.Open(b.Context(), ref, source.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := im.Scan(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := im.Close(); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, benchImage.Entries)
}

func perSecond(b *testing.B, entries int) {
	b.ReportMetric(float64(entries)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

// bareScan counts the entries of an archive's layers, as bench/barescan does.
func bareScan(b *testing.B, path string) (entries int) {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for archive := tar.NewReader(f); ; {
		member, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			b.Fatal(err)
		}
		if filepath.Base(member.Name) != "layer.tar" {
			continue
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			b.Fatal(err)
		}
		layer := tar.NewReader(io.NewSectionReader(f, at, member.Size))
		for {
			if _, err := layer.Next(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			entries++
		}
	}
}

// BenchmarkStream reads an archive of plain layers as a stream, as from an engine or standard
// input.
func BenchmarkStream(b *testing.B) {
	path := filepath.Join(b.TempDir(), "docker.tar")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(benchImage.WriteDocker(f), f.Close()); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	b.ReportAllocs()
	for b.Loop() {
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		im, err := source.Open(b.Context(), "-", source.Options{Stdin: bufio.NewReader(f)})
		if err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(im.Close(), f.Close()); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, benchImage.Entries)
}
