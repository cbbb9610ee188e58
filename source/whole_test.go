package source_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestWholeForms reads an archive compressed as a whole in forms that layers can't have, and
// expects the content of the plain archive.
func TestWholeForms(t *testing.T) {
	f := testkit.Load(t, "../testdata/hardlink-all-removed.image")
	want, err := describe(testkit.ShapeNamed("docker-20").Write(t, f), source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"xz", "bz2"} {
		packed := readFile(t, "../testdata/whole.tar."+form)
		for name, b := range map[string][]byte{
			"one stream":       packed,
			"several streams":  append(bytes.Clone(packed), packed...), // a tar after the tar's end
			"cut off":          packed[:len(packed)/2],
			"cut off at start": packed[:20],
			"a changed byte":   changed(packed, len(packed)/2),
			"a changed sum":    changed(packed, len(packed)-20),
		} {
			t.Run(form+"/"+name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "image.tar."+form)
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				for _, opts := range []source.Options{{}, {KeepContent: true}, {Stdin: bytes.NewReader(b)}} {
					if testing.Short() && name != "one stream" && (opts.KeepContent || opts.Stdin != nil) {
						continue
					}
					ref := path
					if opts.Stdin != nil {
						ref = "-"
					}
					got, err := describe(ref, opts)
					switch {
					case strings.HasSuffix(name, "streams") || name == "one stream":
						if err != nil || got != want {
							t.Errorf("%v\n%s\nwant\n%s", err, got, want)
						}
					case err == nil && got != want:
						t.Errorf("another image:\n%s", got)
					case err == nil:
						t.Error("no error")
					case strings.HasPrefix(name, "cut off") && !strings.Contains(err.Error(), "not whole"):
						t.Errorf("the error doesn't say that something is missing: %v", err)
					}
				}
			})
		}
	}
}

func changed(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// TestXZDictionary checks that a file that asks for a dictionary of gigabytes is refused, and
// that the memory isn't allocated.
func TestXZDictionary(t *testing.T) {
	packed := readFile(t, "../testdata/whole.tar.xz")
	// A stream's header has 12 bytes. The block's has its size, flags, the filter LZMA2 with
	// one byte of properties, padding and a CRC. Source: The .xz File Format, 3.1 and 5.3.1.
	block := packed[12 : 12+4*(int(packed[12])+1)]
	at := bytes.Index(block, []byte{0x21, 1})
	if at < 0 {
		t.Fatalf("no filter in % x", block)
	}
	block[at+2] = 40 // 4 GiB
	sum := len(block) - 4
	binary.LittleEndian.PutUint32(block[sum:], crc32.ChecksumIEEE(block[:sum]))
	_, err := describe("-", source.Options{Stdin: bytes.NewReader(packed)})
	if err == nil || !strings.Contains(err.Error(), "dictionary of more than 128 MiB") {
		t.Errorf("got error %v, want one that names the bound", err)
	}
}

// TestWhatIs checks that the error for a file that isn't an image archive says what it is and
// what to do.
func TestWhatIs(t *testing.T) {
	at := func(at int, magic string) []byte {
		return append(append(make([]byte, at), magic...), make([]byte, 40<<10)...)
	}
	utf16 := []byte{0xff, 0xfe}
	for _, c := range readFile(t, "../testdata/whole.tar.xz") {
		utf16 = append(utf16, c, 0)
	}
	whole := testkit.ShapeNamed("docker-20").Archive(testkit.Load(t, "../testdata/hardlink-all-removed.image"))
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(i*i>>3 ^ i*131)
	}
	tarOf := func(names ...string) []byte {
		var members []testkit.Member
		for _, n := range names {
			members = append(members, testkit.Member{Name: n, Data: []byte("x"), Dir: strings.HasSuffix(n, "/")})
		}
		return testkit.TarOf(members)
	}
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"image.tar", nil, "it is empty"},
		{"image.zip", at(0, "PK\x03\x04"), "a zip archive; unpack it"},
		{"image.7z", at(0, "7z\xbc\xaf\x27\x1c"), "7-Zip"},
		{"image.tar.lz4", at(0, "\x04\x22\x4d\x18"), "packed with lz4"},
		{"image.tar.lzma", at(0, "\x5d\x00\x00\x80\x00"), "packed with lzma"},
		{"image.tar.lz", at(0, "LZIP\x01"), "packed with lzip"},
		{"image.tar.br", noise, "packed with brotli"},
		{"image.tar", noise, "neither a tar nor in a known compressed format"},
		{"image.sif", at(32, "SIF_MAGIC"), "a Singularity image (SIF)"},
		{"image.sqsh", at(0, "hsqs"), "squashfs"},
		{"image.iso", at(0x8001, "CD001"), "a CD image (ISO 9660)"},
		{"image.qcow2", at(0, "QFI\xfb"), "qcow2"},
		{"image.ext4", at(1080, "\x53\xef"), "ext4"},
		{"image.exe", at(0, "\x7fELF\x02"), "a program (ELF)"},
		{"image.deb", at(0, "!<arch>\n"), "ar archive"},
		{"image.tar", utf16, "UTF-16 text; Windows PowerShell"},
		{"image.tar", mangledTar(whole), "U+FFFD: PowerShell"},
		{"image.tar", []byte("\n <!DOCTYPE html><html><body>404"), "an HTML page; a failed download"},
		{"image.tar", []byte("<html>"), "an HTML page"},
		{"image.tar", []byte(`<?xml version="1.0"?><Error><Code>AccessDenied</Code>`), "an XML document"},
		{"index.json", []byte(`{"schemaVersion":2,"manifests":[]}`), "a JSON document; to open an OCI layout, name its folder"},
		{"Dockerfile", []byte("FROM scratch\nRUN é\n"), "it is text"},
		{"image.tar", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "Git LFS"},
		{"image.tar.gpg", []byte("-----BEGIN PGP MESSAGE-----\n"), "encrypted with PGP"},
		{"image.tar", whole[:len(whole)/2], "the archive is not whole: copy or download it again"},
		{"image.tar.gz", testkit.Gzip(whole)[:900], "the archive is not whole: copy or download it again"},
		{"hello.gz", testkit.Gzip([]byte("hello\n")), "unpacked, it is not an image: it is text"},
		{"noise.tar.gz", testkit.Gzip(noise), "unpacked, it is not an image: neither a tar nor in a known compressed format"},
		{"image.tar.gz.gz", testkit.Gzip(testkit.Gzip(whole)), "packed twice"},
		{"root.tar", tarOf("./bin/", "./etc/", "./usr/", "./etc/passwd"), "a root filesystem, as docker export writes it"},
		{"root.tar.gz", testkit.Gzip(tarOf("etc/passwd", "usr/lib/os-release")), "a root filesystem"},
		{"old.tar", tarOf("repositories", "0000/layer.tar", "0000/json"), "Docker before 1.10"},
		{"layout.tar", tarOf("image/index.json", "image/oci-layout", "image/blobs/"), `its folder "image" looks like an OCI layout`},
		{"files.tar", tarOf("readme"), "neither a manifest.json (docker archive) nor an index.json"},
		{"data.tar", tarOf("readme"), "opens a tar of any files as one layer"},
		// A tar may begin with any name.
		{"files.tar", tarOf("MZ"), "neither a manifest.json"},
		{"files.tar", tarOf("PK\x03\x04"), "neither a manifest.json"},
	} {
		t.Run(c.want, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.name)
			if err := os.WriteFile(path, c.b, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := describe(path, source.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			_, err = describe("-", source.Options{Stdin: bytes.NewReader(c.b)})
			if err == nil || !strings.Contains(err.Error(), c.want) && !strings.Contains(c.want, "brotli") && !strings.Contains(c.want, "U+FFFD") {
				t.Errorf("from standard input: got error %v, want %q", err, c.want)
			}
		})
	}
}

// TestNamesRootfs checks that a tar or folder without the list of images of the requested kind is
// opened as the error says.
func TestNamesRootfs(t *testing.T) {
	t.Chdir(t.TempDir())
	root := testkit.TarOf([]testkit.Member{{Name: "./etc/", Dir: true}, {Name: "./etc/passwd", Data: []byte("x")}})
	if err := os.WriteFile("root.tar", root, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("root/data", 0o755); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{
		"root.tar": "rootfs:root.tar", "docker-archive:root.tar": "rootfs:root.tar", "oci-archive:root.tar:1": "rootfs:root.tar",
		"root": "dir:root", "oci:root": "dir:root",
	} {
		if _, err := describe(ref, source.Options{}); err == nil || !strings.Contains(err.Error(), want+" opens") {
			t.Errorf("%s: error %v doesn't name %s", ref, err, want)
		}
		if _, err := describe(want, source.Options{}); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// mangledTar returns what PowerShell makes of an archive that it takes for UTF-8 text.
func mangledTar(b []byte) []byte {
	b = bytes.Clone(b)
	for i := 1024; i < len(b); i += 7 {
		b[i] = 0xf0
	}
	return bytes.ReplaceAll(b, []byte{0xf0}, []byte("\ufffd"))
}

// TestNoSuchFile checks that the error about a missing file names it once and no system call.
func TestNoSuchFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, ref := range []string{"none.tar", "docker-archive:none.tar", "rootfs:none.tar", "dir:none", "index:none"} {
		_, err := source.Open(t.Context(), ref, source.Options{})
		if !errors.Is(err, source.ErrNotFound) || strings.Count(err.Error(), "none") != 1 || strings.Contains(err.Error(), "stat ") {
			t.Errorf("%s: error %v", ref, err)
		}
	}
}
