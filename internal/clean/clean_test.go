package clean

import "testing"

func TestText(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "usr/lib/libc.so.6", "usr/lib/libc.so.6"},
		{"other scripts", "smörgås/文件/🙂", "smörgås/文件/🙂"},
		{"escape sequence", "a\x1b[31mb", `a\x1b[31mb`},
		{"line and tab", "a\nb\tc\rd", `a\nb\tc\rd`},
		{"delete", "a\x7f", `a\x7f`},
		{"C1 control", "a\u009bb", `a\u009bb`},
		{"raw C1 byte", "a\x9bb", `a\x9bb`},
		{"direction override", "a\u202egpj.exe", `a\u202egpj.exe`},
		{"zero width", "a\u200bb", `a\u200bb`},
		{"line separator", "a\u2028b", `a\u2028b`},
		{"noncharacter", "a\uffff\ufdd0b", `a\uffff\ufdd0b`},
		{"invalid UTF-8", "a\xff\xfeb", `a\xff\xfeb`},
		{"an order to a runner", "a##[add-mask]b ##vso[x] ###[y]", `a#\x23[add-mask]b #\x23vso[x] ##\x23[y]`},
		{"headings", "## a ##", "## a ##"},
		{"replacement character", "a\ufffdb", `a\ufffdb`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Text(c.in); got != c.want {
				t.Errorf("Text(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestLine(t *testing.T) {
	if got, want := Line("  RUN a && \\\n\t b\x1b "), `RUN a && \ b\x1b`; got != want {
		t.Errorf("Line = %q, want %q", got, want)
	}
}
