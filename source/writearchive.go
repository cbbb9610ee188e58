package source

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// An archiveWriter writes blobs as members of a tar. The size of a blob is known only after
// writing it, and its header is written then, so the file must support writes at any offset.
type archiveWriter struct {
	f    *os.File
	at   int64
	seen map[string]bool // members, by name
}

const tarBlock = 512

var _ blobWriter = (*archiveWriter)(nil)

func (a *archiveWriter) blob(name func(string) string, write func(io.Writer) error) (string, int64, error) {
	start := a.at
	out := &offsetWriter{a.f, start + tarBlock, sha256.New()}
	if err := write(out); err != nil {
		return "", 0, err
	}
	size := out.at - start - tarBlock
	sum := hex.EncodeToString(out.sum.Sum(nil))
	member := name(sum)
	if a.seen[member] {
		return sum, size, a.f.Truncate(start) // already written
	}
	return sum, size, a.finish(member, size)
}

// finish writes the header of a member after its content, and pads the last block.
func (a *archiveWriter) finish(name string, size int64) error {
	a.seen[name] = true
	head := &offsetWriter{a.f, a.at, nil}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, Format: tar.FormatUSTAR}
	if size >= 1<<33 {
		h.Format = tar.FormatGNU // one block for any size
	}
	if err := tar.NewWriter(head).WriteHeader(h); err != nil {
		return err
	}
	end := a.at + tarBlock + size
	a.at = (end + tarBlock - 1) / tarBlock * tarBlock
	return a.f.Truncate(a.at)
}

// document writes a small member.
func (a *archiveWriter) document(name string, text []byte) error {
	if a.seen[name] {
		return nil
	}
	if _, err := a.f.WriteAt(text, a.at+tarBlock); err != nil {
		return err
	}
	return a.finish(name, int64(len(text)))
}

// end writes the end-of-archive marker.
func (a *archiveWriter) end() error { return a.f.Truncate(a.at + 2*tarBlock) }

// offsetWriter writes to a file from an offset on.
type offsetWriter struct {
	f   *os.File
	at  int64
	sum interface { // hash of what is written; nil for none
		io.Writer
		Sum(b []byte) []byte
	}
}

func (o *offsetWriter) Write(p []byte) (int, error) {
	n, err := o.f.WriteAt(p, o.at)
	o.at += int64(n)
	if o.sum != nil {
		_, _ = o.sum.Write(p[:n]) // never fails
	}
	return n, err
}

// WriteDockerArchive writes the image to an empty file in the format of "docker save". Layers are
// uncompressed unless Compression is set.
func (n *NewImage) WriteDockerArchive(ctx context.Context, f *os.File) error {
	a := &archiveWriter{f: f, seen: map[string]bool{}}
	var layers []writtenLayer
	names := []string{}
	for _, l := range n.Layers {
		var member string
		w, err := n.writeLayer(ctx, a, l, n.Compression == "", func(hex string) string {
			member = hex + ".tar"
			return member
		})
		if err != nil {
			return err
		}
		layers, names = append(layers, w), append(names, member)
	}
	config, err := n.config(diffIDs(layers))
	if err != nil {
		return err
	}
	name := digestHex(digestOfBytes(config)) + ".json"
	if err := a.document(name, config); err != nil {
		return err
	}
	tags := []string{}
	if n.Tag != "" {
		tags = append(tags, n.Tag)
	}
	list, err := json.Marshal([]map[string]any{{"Config": name, "RepoTags": tags, "Layers": names}})
	if err != nil {
		return err
	}
	if err := a.document("manifest.json", list); err != nil {
		return err
	}
	return a.end()
}

// WriteOCIArchive writes the image to an empty file as an OCI layout in a tar. Kept layers keep
// their compression.
func (n *NewImage) WriteOCIArchive(ctx context.Context, f *os.File) error {
	a := &archiveWriter{f: f, seen: map[string]bool{}}
	if err := n.writeLayout(ctx, a, a.document); err != nil {
		return err
	}
	return a.end()
}

// blobPath returns the path of a blob in a layout.
func blobPath(hex string) string { return path.Join("blobs", "sha256", hex) }

// writeLayout writes the blobs and documents of an OCI layout.
func (n *NewImage) writeLayout(ctx context.Context, to blobWriter, document func(name string, text []byte) error) error {
	var layers []writtenLayer
	for _, l := range n.Layers {
		w, err := n.writeLayer(ctx, to, l, false, blobPath)
		if err != nil {
			return err
		}
		layers = append(layers, w)
	}
	config, err := n.config(diffIDs(layers))
	if err != nil {
		return err
	}
	manifest, err := n.manifest(config, layers)
	if err != nil {
		return err
	}
	top := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.Digest(digestOfBytes(manifest)), Size: int64(len(manifest))}
	if n.Tag != "" {
		top.Annotations = map[string]string{ocispec.AnnotationRefName: n.Tag}
	}
	index, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{top}})
	if err != nil {
		return err
	}
	for _, d := range []struct {
		name string
		text []byte
	}{
		{blobPath(digestHex(digestOfBytes(config))), config},
		{blobPath(digestHex(digestOfBytes(manifest))), manifest},
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", index},
	} {
		if err := document(d.name, d.text); err != nil {
			return err
		}
	}
	return nil
}
