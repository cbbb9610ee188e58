package testkit

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A Shape is one format in which a tool stores images.
type Shape struct {
	Name      string
	Dir       bool // a folder, not an archive
	OCI       bool // has an index, so it can have platforms, and foreign and encrypted layers
	Manifest  bool // has a manifest.json
	encodings []string
	members   func([]*built) []Member
	order     func([]Member) []Member // order of the archive's members; nil for the tool's own
	whole     func([]byte) []byte     // compresses the whole file; nil for none
	special   bool                    // only for fixtures that name it
	sparse    string                  // format for members with holes; "" for none
	linked    bool                    // a folder whose blobs are links out of it
}

var shapes = []Shape{
	{Name: "docker-20", Manifest: true, encodings: plain, members: docker20},
	{Name: "docker-20-reversed", Manifest: true, encodings: plain, members: docker20, order: reversed},
	{Name: "docker-20.gz", Manifest: true, encodings: plain, members: docker20, whole: Gzip},
	{Name: "docker-20.zst", Manifest: true, encodings: plain, members: docker20, whole: Zstd, order: shuffled},
	{Name: "rules-docker", Manifest: true, encodings: plain, members: rulesDocker},
	{Name: "podman", Manifest: true, encodings: plain, members: podman},
	{Name: "podman-shuffled", Manifest: true, encodings: plain, members: podman, order: shuffled},
	{Name: "kaniko", Manifest: true, encodings: gzipped, members: kaniko},
	{Name: "bazel", Manifest: true, encodings: gzipped, members: bazel},
	{Name: "docker-25", OCI: true, Manifest: true, encodings: plain, members: docker25},
	{Name: "docker-25-reversed", OCI: true, Manifest: true, encodings: plain, members: docker25, order: reversed},
	{Name: "containerd", OCI: true, Manifest: true, encodings: gzipped, members: containerd},
	{Name: "containerd-reversed", OCI: true, Manifest: true, encodings: gzipped, members: containerd, order: reversed},
	{Name: "oci-dir", OCI: true, Dir: true, encodings: gzipped, members: oci},
	{Name: "oci-dir-plain", OCI: true, Dir: true, encodings: plain, members: oci},
	{Name: "oci-tar", OCI: true, encodings: gzipped, members: oci},
	{Name: "oci-tar-zstd", OCI: true, encodings: []string{"zstd"}, members: oci, order: reversed},
	{Name: "oci-tar.gz", OCI: true, encodings: plain, members: oci, whole: Gzip},
	{Name: "oci-mixed", OCI: true, encodings: []string{"gzip", "plain", "zstd"}, members: oci, order: shuffled},
	{Name: "oci-members", OCI: true, encodings: []string{"gzip-members", "zstd-frames"}, members: oci},
	{Name: "oci-estargz", OCI: true, encodings: []string{"estargz"}, members: oci},
	{Name: "oci-zstd-chunked", OCI: true, encodings: []string{"zstd-chunked"}, members: oci},
	{Name: "oci-nested", OCI: true, encodings: gzipped, members: ociNested, order: shuffled},
	{Name: "oci-nested-dir", OCI: true, Dir: true, encodings: gzipped, members: ociNested},
	{Name: "oci-mislabelled", OCI: true, encodings: []string{"gzip", "zstd", "plain"}, members: ociMislabelled},
	{Name: "oci-attested", OCI: true, encodings: gzipped, members: ociAttested},
	{Name: "oci-sha512", OCI: true, special: true, encodings: []string{"gzip", "plain"}, members: ociSHA512},
	{Name: "oci-sha512-dir", OCI: true, Dir: true, special: true, encodings: []string{"gzip", "plain"}, members: ociSHA512},
	{Name: "oci-inlined", OCI: true, special: true, encodings: gzipped, members: ociInlined},
	{Name: "oci-octet-stream", OCI: true, special: true, encodings: gzipped, members: ociOctetStream},
	{Name: "oci-annotated", OCI: true, special: true, encodings: gzipped, members: ociAnnotated},
	{Name: "oci-silent", OCI: true, special: true, encodings: gzipped, members: ociSilent},
	{Name: "oci-twice", OCI: true, special: true, encodings: gzipped, members: ociTwice},
	{Name: "oci-artifacts", OCI: true, special: true, encodings: gzipped, members: ociArtifacts},
	{Name: "oci-artifacts-dir", OCI: true, Dir: true, special: true, encodings: gzipped, members: ociArtifacts},
	{Name: "oci-linked-dir", OCI: true, Dir: true, linked: true, special: true, encodings: []string{"gzip", "plain"}, members: oci},
	{Name: "oci-trailing", OCI: true, special: true, encodings: []string{"gzip-zeros", "gzip-garbage"}, members: oci},
	{Name: "docker-sparse-gnu", Manifest: true, special: true, encodings: plain, members: docker20, sparse: "gnu"},
	{Name: "docker-sparse-0.0", Manifest: true, special: true, encodings: plain, members: docker20, sparse: "0.0"},
	{Name: "docker-sparse-0.1", Manifest: true, special: true, encodings: plain, members: docker20, sparse: "0.1"},
	{Name: "docker-sparse-1.0", Manifest: true, special: true, encodings: plain, members: docker20, sparse: "1.0"},
	{Name: "oci-sparse", OCI: true, special: true, encodings: []string{"gzip", "plain"}, members: oci, sparse: "1.0"},
	{Name: "docker-renamed", Manifest: true, special: true, encodings: plain, members: dockerRenamed},
}

var (
	plain   = []string{"plain"}
	gzipped = []string{"gzip"}
)

// Shapes returns every shape.
func Shapes() []Shape { return slices.Clone(shapes) }

// ShapeNamed returns the shape with this name; it panics if there is none.
func ShapeNamed(name string) Shape {
	i := slices.IndexFunc(shapes, func(s Shape) bool { return s.Name == name })
	if i < 0 {
		panic("no such shape: " + name)
	}
	return shapes[i]
}

// Shapes returns the shapes in which the fixture can be expressed.
func (f *Fixture) Shapes() []Shape {
	tags := map[string]bool{}
	for _, im := range f.Images {
		tags[im.Tag] = true
	}
	severalPlatforms := len(tags) < len(f.Images)
	return slices.DeleteFunc(Shapes(), func(s Shape) bool {
		only := (len(f.Only) > 0 || s.special) && !slices.Contains(f.Only, s.Name)
		// Docker before the containerd store has one platform per tag.
		one := severalPlatforms && (!s.OCI || s.Manifest && s.encodings[0] == "plain")
		return only || one || slices.Contains(f.Not, s.Name)
	})
}

// Members returns the content of the archive or folder in this shape.
func (s Shape) Members(f *Fixture) []Member {
	var images []*built
	for _, im := range f.Images {
		images = append(images, build(im, s.encodings...))
	}
	members := s.members(images)
	if s.order != nil {
		members = s.order(members)
	}
	return members
}

// Pack returns an archive of the members in this shape: in its order, and compressed if the
// whole file is.
func (s Shape) Pack(members []Member) []byte {
	b := TarOf(members)
	if s.sparse != "" {
		b = sparseTarOf(members, s.sparse)
	}
	if s.whole != nil {
		return packedOnce(digest(b)+" "+s.Name, func() []byte { return s.whole(b) })
	}
	return b
}

// Archive returns the fixture as one file. Don't call it for a folder.
func (s Shape) Archive(f *Fixture) []byte { return s.Pack(s.Members(f)) }

// Write stores the fixture in this shape in a new folder, and returns the path of the archive
// or of the image's folder.
func (s Shape) Write(t testing.TB, f *Fixture) string {
	t.Helper()
	if s.Dir {
		dir := WriteDir(t, s.Members(f))
		if s.linked {
			linkOut(t, dir)
		}
		return dir
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, s.Archive(f), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Ref returns a reference to the image in the archive at path, and the platform to ask for,
// neither with more than necessary.
func (f *Fixture) Ref(path string, im *Image) (ref, platform string) {
	ref = path
	for _, other := range f.Images {
		if other.Tag != im.Tag {
			ref = path + ":" + im.Tag
		} else if other.Platform != im.Platform && other.Absent == "" {
			platform = im.Platform
		}
	}
	return ref, platform
}
