package ui

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"image"
	_ "image/gif"  // so that sizes are known
	_ "image/jpeg" // so that sizes are known
	_ "image/png"  // so that sizes are known
	"net/http"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// isText reports whether the start of a file is text: mostly UTF-8, with few control characters.
// goes says that the file continues, so the last character may be truncated.
func isText(head []byte, goes bool) bool {
	bad, all := 0, 0
	for b := head; len(b) > 0; all++ {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == 0:
			return false
		case r == utf8.RuneError && n == 1 && (!goes || utf8.FullRune(b)):
			bad++
		case r < ' ' && !strings.ContainsRune("\t\n\r\f\b\x1b", r):
			bad++
		}
		b = b[n:]
	}
	return bad*20 <= all
}

// magics are the first bytes of kinds of files.
var magics = []struct{ head, description string }{
	{"\x1f\x8b", "gzip"},
	{"\x28\xb5\x2f\xfd", "zstd"},
	{"\xfd7zXZ\x00", "xz"},
	{"BZh", "bzip2"},
	{"\x04\x22\x4d\x18", "lz4"},
	{"7z\xbc\xaf\x27\x1c", "7-zip archive"},
	{"!<arch>\ndebian-binary", "Debian package"},
	{"!<arch>\n", "ar archive"},
	{"\xed\xab\xee\xdb", "RPM package"},
	{"070701", "cpio archive"},
	{"hsqs", "squashfs"},
	{"SQLite format 3\x00", "SQLite database"},
	{"\x00asm", "WebAssembly"},
	{"\xca\xfe\xba\xbe", "Java class"},
	{"\xcf\xfa\xed\xfe", "Mach-O"},
	{"MZ", "Windows program"},
	{"%PDF-", "PDF"},
	{"\xff\xfe", "UTF-16 text"},
	{"\xfe\xff", "UTF-16 text"},
	{"wOF2", "web font"},
	{"wOFF", "web font"},
	{"\xde\x12\x04\x95", "message catalogue"},
}

// zipNames are kinds of archives that are zip files under another name.
var zipNames = map[string]string{
	".jar": "Java archive", ".war": "Java archive", ".whl": "Python wheel", ".egg": "Python egg", ".apk": "Android package",
	".docx": "Word document", ".xlsx": "Excel document", ".nupkg": "NuGet package",
}

var (
	pemHead     = regexp.MustCompile(`(?m)^-{5}BEGIN ([A-Z0-9 ]{1,40})-{5}`)
	interpreter = regexp.MustCompile(`^#![ \t]*([[:graph:]]+)(?:[ \t]+([[:graph:]]+))?`)
)

// describeContent says in a few words what a file is, from its first bytes. The words are peel's
// own, except an interpreter's name, which is plain ASCII.
func describeContent(head []byte, name string, d *document) string {
	if d.Size() == 0 {
		return "empty"
	}
	if n, ok := describeELF(head); ok {
		return n
	}
	if c, form, err := image.DecodeConfig(bytes.NewReader(head)); err == nil {
		return fmt.Sprintf("%s image, %d x %d", strings.ToUpper(form), c.Width, c.Height)
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.head)) && (d.binary || m.head[0] == '!' || m.head[0] == '%') {
			return m.description
		}
	}
	ext := strings.ToLower(path.Ext(name))
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		if n, ok := zipNames[ext]; ok {
			return n
		}
		return "zip archive"
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return "tar archive"
	case ext == ".pyc" && d.binary:
		return "Python bytecode"
	}
	if !d.binary {
		return describeText(head, d)
	}
	if kind, _, _ := strings.Cut(http.DetectContentType(head), ";"); kind != "application/octet-stream" && !strings.HasPrefix(kind, "text/") {
		return kind
	}
	return "binary"
}

// interpreterOf returns the name of the program that a script's first line names.
func interpreterOf(head []byte) (string, bool) {
	m := interpreter.FindSubmatch(head[:min(len(head), 200)])
	if m == nil {
		return "", false
	}
	program := path.Base(string(m[1]))
	if program == "env" && len(m[2]) > 0 {
		program = path.Base(string(m[2]))
	}
	return program, true
}

// describeText says what kind of text a file is.
func describeText(head []byte, d *document) string {
	if name, ok := interpreterOf(head); ok {
		return "script for " + cut(name, 20, "")
	}
	if m := pemHead.FindSubmatch(head[:min(len(head), 2<<10)]); m != nil {
		what := string(m[1])
		for _, word := range []string{"PRIVATE", "PUBLIC", "CERTIFICATE", "REQUEST", "KEY", "PARAMETERS"} {
			what = strings.ReplaceAll(what, word, strings.ToLower(word))
		}
		return "PEM " + what
	}
	if d.lexer != nil {
		return d.lexer.Config().Name
	}
	return "text"
}

// describeELF describes an ELF file: its kind and what it runs on.
func describeELF(head []byte) (string, bool) {
	if len(head) < 20 || string(head[:4]) != elf.ELFMAG {
		return "", false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	kind := map[elf.Type]string{
		elf.ET_REL: "object", elf.ET_EXEC: "program", elf.ET_DYN: "program or library", elf.ET_CORE: "core",
	}[elf.Type(order.Uint16(head[16:]))]
	if kind == "" {
		kind = "file"
	}
	text := "ELF " + kind
	machine := elf.Machine(order.Uint16(head[18:])).String()
	if name, ok := strings.CutPrefix(machine, "EM_"); ok {
		text += ", " + strings.ToLower(name)
	}
	return text, true
}
