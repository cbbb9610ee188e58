package testkit

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestParseErrors(t *testing.T) {
	for text, says := range map[string]string{
		"-- layer --\nfile":                         "2: no name",
		"-- layer --\nthing a":                      "2: unknown kind of entry \"thing\"",
		"-- layer --\nfile a ten":                   "invalid syntax",
		"-- layer --\nfile a 10 colour=red":         "colour: unknown attribute",
		"-- layer --\nsymlink a b":                  "want: NAME -> TARGET",
		"-- layer --\nfile \"a":                     "invalid syntax",
		"-- layer":                                  "1: a section's line ends",
		"-- tre --":                                 "unknown section \"tre\"",
		"only\nsome":                                "2: unknown option \"some\"",
		"-- image a:1 linux/amd64 --\nstep a b":     "want two words",
		"-- layer wide=1 --":                        "unknown attribute \"wide=1\" of a layer",
		"-- image a:1 --":                           "want: image TAG PLATFORM",
		"-- layer --\ndir d\n\nchar c 1":            "4: unexpected EOF",
		"-- layer --\nfile a 1 mode=9":              "mode: strconv.ParseInt",
		"-- layer --\nfile a 1 data=x sparse=gnu":   "data: ",
		"-- image a:1 linux/amd64 --\nhistory a=no": "quote a value that holds =",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got error %v, want one that says %q", text, err, says)
		}
	}
}

// TestTar reads the hand-made tars of each dialect with archive/tar.
func TestTar(t *testing.T) {
	long := strings.Repeat("long/", 40) + "name"
	medium := strings.Repeat("long/", 25) + "name"
	for _, c := range []struct {
		line   string
		name   string
		size   int64
		format tar.Format
	}{
		{"file a 10", "a", 10, tar.FormatUSTAR},
		{"file a 10 as=v7", "a", 10, tar.FormatUnknown},
		{"file a 10 as=gnu", "a", 10, tar.FormatGNU},
		{"file " + long + " 10 as=gnu", long, 10, tar.FormatUnknown},
		{"file " + long + " 10", long, 10, tar.FormatPAX},
		{"file " + medium + " 10 as=ustar", medium, 10, tar.FormatUSTAR},
		{"file a 10 uid=3000000", "a", 10, tar.FormatPAX},
		{"file a 10 uid=3000000 as=gnu", "a", 10, tar.FormatGNU},
		{"file a 600 xattr:user.x=1", "a", 600, tar.FormatPAX},
		{"file a 10000 sparse=gnu data=0+10,9000+1000", "a", 10000, tar.FormatGNU},
		{"file a 10000 sparse=0.0 data=0+10,9000+1000", "a", 10000, tar.FormatPAX},
		{"file a 10000 sparse=0.1 data=0+10,9000+1000", "a", 10000, tar.FormatPAX},
		{"file a 10000 sparse=1.0 data=0+10,9000+1000", "a", 10000, tar.FormatPAX},
	} {
		t.Run(c.line, func(t *testing.T) {
			f, err := Parse("-- layer --\n" + c.line)
			if err != nil {
				t.Fatal(err)
			}
			l := f.Images[0].Layers[0]
			r := tar.NewReader(bytes.NewReader(l.Tar()))
			h, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if h.Name != c.name || h.Size != c.size || h.Format&c.format != c.format {
				t.Errorf("got %q of %d bytes in %v, want %q of %d in %v", h.Name, h.Size, h.Format, c.name, c.size, c.format)
			}
			content, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(content, l.Entries[0].Content()) {
				t.Errorf("the content differs (%v)", err)
			}
			if h.Uid != int(l.Entries[0].UID) {
				t.Errorf("uid %d, want %d", h.Uid, l.Entries[0].UID)
			}
			if _, err := r.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("at the end: got %v", err)
			}
		})
	}
}

// TestText checks that Parse reads what Text writes.
func TestText(t *testing.T) {
	const text = `-- layer --
file "a b" 10 mode=0600 seed=x uid=3
symlink "" -> b mode=0777
hardlink c -> "\x1b" mode=0644 xattr:user.x="1 2"
char d 1:3 mode=0644 mtime=1700000001
dir e/ mode=0755
`
	f, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := Text(f.Images[0]); got != text {
		t.Errorf("got\n%s", got)
	}
}
