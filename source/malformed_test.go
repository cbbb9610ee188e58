package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// describe reads an image to its last entry and formats what it found.
func describe(ref string, opts source.Options) (string, error) {
	im, err := source.Open(context.Background(), ref, opts)
	if err != nil {
		return "", err
	}
	defer im.Close()
	if err := im.Scan(context.Background()); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintln(&b, im.Platform, im.ID, im.Digest, len(im.History), im.Flaws)
	for _, l := range im.Layers {
		if errors.Is(l.Err, fs.ErrNotExist) {
			return "", l.Err // the layer is reported as absent: see TestAbsentBlobs
		}
		fmt.Fprintln(&b, l.Index, l.DiffID, l.Step.Command, l.Err, l.Entries.Len())
		for i := range l.Entries.Len() {
			e := l.Entries.At(i)
			e.Sum, e.Summed = 0, false // depends on the source
			fmt.Fprintf(&b, "%+v\n", e)
		}
	}
	return b.String(), nil
}

// long selects the thorough runs: PEEL_THOROUGH=1 go test ./...
var long = os.Getenv("PEEL_THOROUGH") != ""

// TestTruncated cuts archives off, the small ones at every byte. It expects an error or the
// very same result, from the file and from the stream, and never a panic. With PEEL_THOROUGH=1
// it cuts the others at every byte too.
func TestTruncated(t *testing.T) {
	tiny, err := testkit.Parse("-- layer end=none --\nfile a 3\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		fixture, shape string
		step           int
	}{
		{"", "docker-20", 1},
		{"", "kaniko", 1},
		{"", "docker-20.gz", 1},
		{"", "docker-20.zst", 1},
		{"hardlink-all-at-once", "docker-20.gz", 1},
		{"hardlink-all-at-once", "docker-20-reversed", 13},
		{"whiteout-bare", "podman", 13},
		{"whiteout-bare", "containerd", 13},
		{"whiteout-bare", "oci-mixed", 13},
		{"tar-pax-records", "docker-25-reversed", 13},
		{"tar-sparse-1.0", "docker-20-reversed", 29},
	} {
		t.Run(c.fixture+"/"+c.shape, func(t *testing.T) {
			t.Parallel()
			f := tiny
			if c.fixture != "" {
				f = testkit.Load(t, "../testdata/"+c.fixture+".image")
			}
			step := c.step
			if long {
				step = 1
			}
			truncate(t, testkit.ShapeNamed(c.shape).Write(t, f), testkit.Stride(step))
		})
	}
}

// truncate cuts the archive shorter and shorter.
func truncate(t *testing.T, path string, step int) {
	whole := readFile(t, path)
	want, err := describe(path, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for n := len(whole) - 1; n >= 0; n -= step {
		if err := os.Truncate(path, int64(n)); err != nil {
			t.Fatal(err)
		}
		got, err := describe(path, source.Options{})
		if err == nil && got != want {
			t.Fatalf("file cut off at byte %d of %d: got another image:\n%s", n, len(whole), got)
		}
		if err != nil && !strings.Contains(err.Error(), filepath.Base(path)) && !strings.Contains(err.Error(), "layer") {
			t.Fatalf("file cut off at byte %d: the error names neither file nor layer: %v", n, err)
		}
		got, err = describe("-", source.Options{Stdin: bytes.NewReader(whole[:n])})
		if err == nil && got != want {
			t.Fatalf("stream cut off at byte %d of %d: got another image:\n%s", n, len(whole), got)
		}
	}
}

// packs are the shapes whose members the tests below change.
var packs = []string{"docker-20", "podman", "kaniko", "bazel", "docker-25", "containerd", "oci-tar", "oci-tar-zstd", "oci-nested", "oci-attested", "oci-dir"}

// opens packs the members and opens the result.
func opens(t *testing.T, shape testkit.Shape, members []testkit.Member) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	if shape.Dir {
		path = testkit.WriteDir(t, members)
	} else if err := os.WriteFile(path, shape.Pack(members), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := describe(path, source.Options{})
	return err
}

// unneeded reports whether an image can be read without the member, or with a changed one:
// either nothing in the format depends on it, or another member has the same information.
func unneeded(shape testkit.Shape, name string) bool {
	return name == "repositories" || name == "oci-layout" || strings.HasSuffix(name, "/") ||
		strings.HasSuffix(name, "/VERSION") || strings.HasSuffix(name, "/json") ||
		shape.Name == "podman" && strings.HasSuffix(name, "/layer.tar") ||
		shape.OCI && name == "manifest.json" ||
		shape.OCI && shape.Manifest && name == "index.json"
}

// attestations returns the blobs that don't affect the image: attestations, signatures and
// their parts.
func attestations(members []testkit.Member) map[string]bool {
	names := map[string]bool{}
	for _, m := range members {
		if string(m.Data) == "{}" || bytes.Contains(m.Data, []byte("simplesigning")) || bytes.Contains(m.Data, []byte(`"critical"`)) || bytes.Contains(m.Data, []byte("in-toto")) || bytes.Contains(m.Data, []byte(`"architecture":"unknown"`)) && !bytes.Contains(m.Data, []byte("attestation-manifest")) {
			names[m.Name] = true
		}
	}
	return names
}

// TestMissing leaves out each member in turn, and expects an error that names it, unless
// nothing needs it.
func TestMissing(t *testing.T) {
	f := testkit.Load(t, "../testdata/hardlink-all-removed.image")
	for _, name := range packs {
		shape := testkit.ShapeNamed(name)
		members := shape.Members(f)
		notNeeded := attestations(members)
		for _, m := range members {
			t.Run(name+"/"+m.Name, func(t *testing.T) {
				err := opens(t, shape, testkit.Without(members, m.Name))
				switch {
				case unneeded(shape, m.Name) || notNeeded[m.Name]:
					if err != nil {
						t.Errorf("nothing needs it, but got error: %v", err)
					}
				case shape.OCI && shape.Manifest && err == nil:
					// manifest.json may have the same information as the layout's blobs.
				case err == nil:
					t.Error("no error")
				case !strings.Contains(err.Error(), filepath.Base(m.Name)):
					t.Errorf("the error doesn't name the member: %v", err)
				}
			})
		}
	}
}

// TestWrongDigest changes one byte of each blob in turn. Anything named by a digest and read
// whole must match that digest.
func TestWrongDigest(t *testing.T) {
	f := testkit.Load(t, "../testdata/hardlink-all-removed.image")
	for _, name := range []string{"kaniko", "bazel", "containerd", "oci-tar", "oci-tar-zstd", "oci-nested", "oci-dir"} {
		shape := testkit.ShapeNamed(name)
		members := shape.Members(f)
		notNeeded := attestations(members)
		for i, m := range members {
			if len(m.Data) == 0 || notNeeded[m.Name] || !strings.ContainsAny(filepath.Base(m.Name), "0123456789") {
				continue
			}
			t.Run(name+"/"+m.Name, func(t *testing.T) {
				changed := slices.Clone(members)
				changed[i].Data = bytes.Clone(m.Data)
				// Change a byte that leaves JSON valid and that gzip and zstd don't ignore.
				at := bytes.IndexAny(m.Data, "abcdef")
				if bytes.HasPrefix(m.Data, []byte{0x1f, 0x8b}) {
					at = 4 // gzip's time field
				} else if at < 0 || m.Data[0] != '{' {
					at = len(m.Data) - 1
				}
				changed[i].Data[at] ^= 1
				err := opens(t, shape, changed)
				switch {
				case shape.Name == "kaniko", shape.Name == "bazel" && strings.HasSuffix(m.Name, ".gz"):
					// The names in a docker-archive say nothing about its layers, and a wrong
					// name of the config is a flaw: see config-renamed.image.
				case err == nil && !(shape.OCI && shape.Manifest && m.Data[0] == '{'):
					t.Error("no error")
				case err != nil && !strings.Contains(err.Error(), "sha256"):
					t.Errorf("the error doesn't name the blob: %v", err)
				}
			})
		}
	}
}

// TestLinkLoops checks that members that link to each other, or lead out, are errors.
func TestLinkLoops(t *testing.T) {
	manifest := testkit.Member{Name: "manifest.json", Data: []byte(`[{"Config":"c.json","Layers":["l/layer.tar"]}]`)}
	config := testkit.Member{Name: "c.json", Data: []byte(`{"rootfs":{"diff_ids":[]}}`)}
	for name, links := range map[string][]testkit.Member{
		"itself":     {{Name: "l/layer.tar", Link: "layer.tar"}},
		"each other": {{Name: "l/layer.tar", Link: "../m/layer.tar"}, {Name: "m/layer.tar", Link: "../l/layer.tar"}},
		"nothing":    {{Name: "l/layer.tar", Link: "../no/such"}},
		"outside":    {{Name: "l/layer.tar", Link: "/etc/passwd"}},
		"far out":    {{Name: "l/layer.tar", Link: "../../../../../../etc/passwd"}},
		"a folder":   {{Name: "l/layer.tar", Link: "../d"}, {Name: "d/", Dir: true}},
	} {
		for _, shape := range []string{"docker-20", "oci-dir"} {
			t.Run(name+"/"+shape, func(t *testing.T) {
				err := opens(t, testkit.ShapeNamed(shape), append([]testkit.Member{manifest, config}, links...))
				if err == nil || !strings.Contains(err.Error(), "layer") {
					t.Errorf("got error %v, want one that names the layer", err)
				}
			})
		}
	}
}

// TestGarbage opens files that aren't images, and expects an error soon.
func TestGarbage(t *testing.T) {
	noise := make([]byte, 1<<16)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	member := func(name, text string) testkit.Member { return testkit.Member{Name: name, Data: []byte(text)} }
	tarred := func(members ...testkit.Member) []byte { return testkit.TarOf(members) }
	index := func(text string) []byte {
		return tarred(member("oci-layout", `{"imageLayoutVersion":"1.0.0"}`), member("index.json", text))
	}
	for name, b := range map[string][]byte{
		"empty":                  {},
		"one byte":               {0},
		"text":                   []byte("this is no image\n"),
		"noise":                  noise,
		"zeros":                  make([]byte, 1<<16),
		"program":                append([]byte("\x7fELF\x02\x01\x01"), noise...),
		"zip":                    append([]byte("PK\x03\x04"), noise...),
		"gzip of noise":          testkit.Gzip(noise),
		"zstd of noise":          testkit.Zstd(noise),
		"gzip of nothing":        testkit.Gzip(nil),
		"noise after gzip":       append([]byte{0x1f, 0x8b, 8, 0}, noise...),
		"noise after zstd":       append([]byte{0x28, 0xb5, 0x2f, 0xfd}, noise...),
		"tar of nothing":         tarred(),
		"tar of no image":        tarred(member("readme", "hello")),
		"empty manifest":         tarred(member("manifest.json", "")),
		"manifest of null":       tarred(member("manifest.json", "null")),
		"manifest of no image":   tarred(member("manifest.json", "[]")),
		"manifest of nulls":      tarred(member("manifest.json", "[null,null]")),
		"manifest of numbers":    tarred(member("manifest.json", "[1,2]")),
		"manifest of objects":    tarred(member("manifest.json", "[{}]")),
		"manifest without files": tarred(member("manifest.json", `[{"Config":"c","Layers":["l"]}]`)),
		"manifest cut off":       tarred(member("manifest.json", `[{"Config":`)),
		"config of null":         tarred(member("manifest.json", `[{"Config":"c","Layers":["l"]}]`), member("c", "null")),
		"config is the list":     tarred(member("manifest.json", `[{"Config":"manifest.json","Layers":["manifest.json"]}]`)),
		"layer of noise":         tarred(member("manifest.json", `[{"Config":"c","Layers":["l"]}]`), member("c", "{}"), member("l", string(noise))),
		"layer is the config":    tarred(member("manifest.json", `[{"Config":"c","Layers":["c"]}]`), member("c", "{}")),
		"index of null":          index("null"),
		"index of no image":      index(`{"schemaVersion":2,"manifests":[]}`),
		"index of nulls":         index(`{"schemaVersion":2,"manifests":[null]}`),
		"index of objects":       index(`{"schemaVersion":2,"manifests":[{}]}`),
		"index of a bad digest":  index(`{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:../../etc","size":1}]}`),
		"index of odd digest":    index(`{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"md5:00","size":1}]}`),
		"index of negative size": index(`{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:` + strings.Repeat("0", 64) + `","size":-1}]}`),
		"deep JSON":              tarred(member("manifest.json", strings.Repeat("[", 100_000))),
		"unpadded header":        []byte(strings.Repeat("x", 511)),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "image.tar")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := describe(path, source.Options{}); err == nil {
				t.Errorf("got no error, but %s", got)
			} else if !strings.Contains(err.Error(), path) && !strings.Contains(err.Error(), "layer 0") {
				t.Errorf("the error names neither the file nor the layer: %v", err)
			}
			if got, err := describe("-", source.Options{Stdin: bytes.NewReader(b)}); err == nil {
				t.Errorf("from a stream: got no error, but %s", got)
			}
		})
	}
	t.Run("empty folder", func(t *testing.T) {
		if _, err := describe(t.TempDir(), source.Options{}); err == nil {
			t.Error("no error")
		}
	})
}

// TestNestedIndexes checks that indexes may nest, but not without end.
func TestNestedIndexes(t *testing.T) {
	f := testkit.Load(t, "../testdata/hardlink.image")
	for depth, fails := range map[int]bool{1: false, 3: false, 10_000: true} {
		t.Run(fmt.Sprint(depth), func(t *testing.T) {
			err := opens(t, testkit.ShapeNamed("oci-tar"), testkit.Nest(testkit.ShapeNamed("oci-tar").Members(f), depth))
			if (err != nil) != fails {
				t.Errorf("got error: %v, want one: %v", err, fails)
			}
		})
	}
}

// TestBadChecksum checks that a header with a wrong checksum ends the read with an error that
// says where.
func TestBadChecksum(t *testing.T) {
	f, err := testkit.Parse("-- layer --\nfile a 10\nfile b 20 badsum\nfile c 30\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range f.Shapes() {
		path := shape.Write(t, f)
		_, err := describe(path, source.Options{})
		if err == nil || !strings.Contains(err.Error(), "layer 0") || !strings.Contains(err.Error(), "byte") {
			t.Errorf("%s: got error %v, want one that names layer and place", shape.Name, err)
		}
	}
}
