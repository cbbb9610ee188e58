package source

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// whatLen is the number of bytes that whatIs inspects, if available: the signature of a CD image
// follows its first 32 KiB.
const whatLen = 36 << 10

// fileKinds are files that people mistake for container images, identified by bytes at an offset.
// hint says what to do, if anything helps.
var fileKinds = []struct {
	at       int
	magic    string
	is, hint string
}{
	{0, "PK\x03\x04", "a zip archive", "; unpack it, and open what is in it"},
	{0, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "; unpack it, and open what is in it"},
	{0, "Rar!\x1a\x07", "a RAR archive", "; unpack it, and open what is in it"},
	{0, "\x04\x22\x4d\x18", "packed with lz4", "; unpack it with lz4 -d first"},
	{0, "\x02\x21\x4c\x18", "packed with lz4 in its old format", "; unpack it with lz4 -d first"},
	{0, "\x5d\x00\x00", "packed with lzma", "; unpack it with xz --format=lzma -d first"},
	{0, "LZIP", "packed with lzip", "; unpack it with lzip -d first"},
	{0, "\x89LZO", "packed with lzop", "; unpack it with lzop -d first"},
	{0, "\x1f\x9d", "packed with compress", "; unpack it with gzip -d first"},
	{0, "\xff\x06\x00\x00sNaPpY", "packed with snappy", "; unpack it first"},
	{0, "hsqs", "a squashfs file system", ""},
	{32, "SIF_MAGIC", "a Singularity image (SIF)", ", of one squashfs file system and no layers"},
	{0, "QFI\xfb", "a virtual machine's disk (qcow2)", ""},
	{0, "KDMV", "a virtual machine's disk (VMDK)", ""},
	{0, "conectix", "a virtual machine's disk (VHD)", ""},
	{0, "vhdxfile", "a virtual machine's disk (VHDX)", ""},
	{64, "\x7f\x10\xda\xbe", "a virtual machine's disk (VDI)", ""},
	{0x8001, "CD001", "a CD image (ISO 9660)", ""},
	{1080, "\x53\xef", "a file system (ext4)", ""},
	{0, "XFSB", "a file system (XFS)", ""},
	{0, "\x7fELF", "a program (ELF)", ""},
	{0, "MZ", "a program of Windows", ""},
	{0, "\xcf\xfa\xed\xfe", "a program of macOS", ""},
	{0, "!<arch>\n", "an ar archive, as Debian's packages are", ""},
	{0, "\xed\xab\xee\xdb", "an RPM package", ""},
	{0, "070701", "a cpio archive", ""},
	{0, indexMagic, "an index of an image", ", as peel index writes it: open it with index: before its name"},
	{0, "%PDF-", "a PDF document", ""},
	{0, "age-encryption.org/", "encrypted with age", "; decrypt it first"},
	{0, "-----BEGIN PGP MESSAGE", "encrypted with PGP", "; decrypt it first"},
	{0, "version https://git-lfs.github.com/spec/", "a pointer of Git LFS", "; fetch the file itself with git lfs pull"},
}

// whatIs says what a file that starts with head is, if it certainly is not an image archive, and
// what to do; otherwise "".
func whatIs(head []byte) (is, hint string) {
	for _, k := range fileKinds {
		if len(head) >= k.at+len(k.magic) && string(head[k.at:k.at+len(k.magic)]) == k.magic {
			return k.is, k.hint
		}
	}
	if len(head) >= 512 && head[510] == 0x55 && head[511] == 0xaa && head[0] != 0 {
		return "a disk with a boot sector", ""
	}
	return whatText(head)
}

// whatText is whatIs for text files.
func whatText(head []byte) (is, hint string) {
	if bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}) {
		// Windows PowerShell treats a program's output as text and stores it as UTF-16: each byte
		// has become a character.
		return "UTF-16 text", "; Windows PowerShell damages archives written with >. Use docker save -o FILE"
	}
	text := bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	start := strings.ToLower(string(bytes.TrimSpace(text[:min(len(text), 512)])))
	switch {
	case strings.HasPrefix(start, "<!doctype html"), strings.HasPrefix(start, "<html"):
		return "an HTML page", "; a failed download leaves such a file, which may say why"
	case strings.HasPrefix(start, "<?xml"):
		return "an XML document", "; a failed download leaves such a file, which may say why"
	case !isText(text):
		return "", ""
	case strings.HasPrefix(start, "{"), strings.HasPrefix(start, "["):
		return "a JSON document", "; to open an OCI layout, name its folder"
	}
	return "text", ""
}

// mangled returns an error if a program has converted the archive as text: each invalid byte has
// become a replacement character.
func mangled(f io.ReaderAt) error {
	head := make([]byte, 1<<20)
	n, _ := f.ReadAt(head, 0)
	if bytes.Count(head[:n], []byte("\ufffd")) < 100 {
		return nil
	}
	return errors.New("much of it is the character U+FFFD: PowerShell damages archives written with >. Use docker save -o FILE")
}

// isText reports whether a file starts with UTF-8 text without control characters other than line
// breaks and tabs.
func isText(head []byte) bool {
	if len(head) > utf8.UTFMax { // the last character may be truncated
		head = bytes.ToValidUTF8(head[:len(head)-utf8.UTFMax], []byte{0})
	}
	return utf8.Valid(head) && !bytes.ContainsFunc(head, func(r rune) bool {
		return r < ' ' && !strings.ContainsRune("\t\n\r\f\x1b", r)
	})
}
