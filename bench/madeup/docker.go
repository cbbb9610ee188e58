package madeup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
)

// WriteDocker writes the image as docker save did before version 25: plain layers, then
// manifest.json. With Holes, w can be an io.Seeker.
func (im Image) WriteDocker(w io.Writer) error {
	out := &fileSink{w: bufio.NewWriterSize(w, 1<<20)}
	if im.Holes {
		out.seeker, _ = w.(io.Seeker)
	}
	var layers, diffIDs []string
	for k := range im.Layers {
		m, err := im.measure(k)
		if err != nil {
			return err
		}
		name := m.sum + "/layer.tar"
		layers, diffIDs = append(layers, name), append(diffIDs, "sha256:"+m.sum)
		if err := memberHeader(out, name, m.size); err != nil {
			return err
		}
		if err := im.writeLayer(k, out); err != nil {
			return err
		}
	}
	config := im.config(diffIDs)
	configName := digestOf(config) + ".json"
	manifest := toJSON([]any{map[string]any{"Config": configName, "RepoTags": []string{im.name()}, "Layers": layers}})
	for _, m := range []struct {
		name string
		body []byte
	}{{configName, config}, {"manifest.json", manifest}} {
		if err := memberHeader(out, m.name, int64(len(m.body))); err != nil {
			return err
		}
		if _, err := out.Write(append(m.body, make([]byte, -len(m.body)&511)...)); err != nil {
			return err
		}
	}
	if _, err := out.Write(make([]byte, 1024)); err != nil {
		return err
	}
	return out.w.Flush()
}

func (im Image) name() string { return fmt.Sprintf("madeup:%d-%d", im.Entries, im.Layers) }

// measured is a layer's size in bytes and its digest.
type measured struct {
	size int64
	sum  string // hex
}

func (im Image) measure(k int) (measured, error) {
	s := &measureSink{sum: sha256.New()}
	fmt.Fprintf(s.sum, "%d of %+v", k, im) // without contents, this is all that distinguishes layers
	if !im.Holes {
		s.sum.Reset()
	}
	if err := im.writeLayer(k, s); err != nil {
		return measured{}, err
	}
	return measured{s.size, hex.EncodeToString(s.sum.Sum(nil))}, nil
}

type measureSink struct {
	sum  hash.Hash
	size int64
}

func (s *measureSink) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	return s.sum.Write(p)
}

func (s *measureSink) hole(n int64) error {
	if n < 512 { // padding
		return writeZeros(s, n)
	}
	s.size += n
	return nil
}

// fileSink writes to a file, and seeks over long holes if possible.
type fileSink struct {
	w      *bufio.Writer
	seeker io.Seeker // nil if zeros must be written
}

func (s *fileSink) Write(p []byte) (int, error) { return s.w.Write(p) }

func (s *fileSink) hole(n int64) error {
	const worthSeeking = 32 << 10
	if s.seeker == nil || n < worthSeeking {
		return writeZeros(s.w, n)
	}
	if err := s.w.Flush(); err != nil {
		return err
	}
	_, err := s.seeker.Seek(n, io.SeekCurrent)
	return err
}

var zeros [64 << 10]byte

func writeZeros(w io.Writer, n int64) error {
	for n > 0 {
		k, err := w.Write(zeros[:min(n, int64(len(zeros)))])
		if err != nil {
			return err
		}
		n -= int64(k)
	}
	return nil
}

func memberHeader(w io.Writer, name string, size int64) error {
	var head bytes.Buffer
	if err := tar.NewWriter(&head).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}); err != nil {
		return err
	}
	_, err := w.Write(head.Bytes())
	return err
}

// config is the image's config file.
func (im Image) config(diffIDs []string) []byte {
	var history []any
	for k := range diffIDs {
		history = append(history, map[string]any{"created": "2024-01-01T00:00:00Z", "created_by": fmt.Sprintf("RUN step %d", k)})
	}
	return toJSON(map[string]any{
		"architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z",
		"config": map[string]any{}, "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}, "history": history,
	})
}

// toJSON can't fail, since its arguments are maps of strings and numbers.
func toJSON(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
