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
		{"variation selectors", "a\ufe0fb\ufe00\U000e0100\u180b⚠\ufe0f", `a\ufe0fb\ufe00\U000e0100\u180b⚠\ufe0f`},
		{"zero-width joiners and spaces", "a\u200db\u200cc\u2060d\ufeffe\u00adf", `a\u200db\u200cc\u2060d\ufeffe\u00adf`},
		{"tags", "a\U000e0061b", `a\U000e0061b`},
		{"line separator", "a\u2028b", `a\u2028b`},
		{"noncharacter", "a\uffff\ufdd0b", `a\uffff\ufdd0b`},
		{"invalid UTF-8", "a\xff\xfeb", `a\xff\xfeb`},
		{"an order to a runner", "a##[add-mask]b ##vso[x] ###[y]", `a#\x23[add-mask]b #\x23vso[x] ##\x23[y]`},
		{"orders to others", "##teamcity[x] travis_fold:start:a travis_time:end ##", `#\x23teamcity[x] travis\x5ffold:start:a travis\x5ftime:end ##`},
		{"fillers", "a\u3164\u115f\u034fb", `a\u3164\u115f\u034fb`},
		{"half of a pair", "a\xed\xa0\x80b", `a\xed\xa0\x80b`},
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

func TestStart(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a": "a", "a::b": "a::b", "::error::x": `\x3a:error::x`, "  ::x": `  \x3a:x`,
		"--- x": `\x2d-- x`, "+++": `\x2b++`, "~~~ x": `\x7e~~ x`, "-x": "-x",
	} {
		if got := Start(in); got != want {
			t.Errorf("Start(%q) = %q, want %q", in, got, want)
		}
	}
}
