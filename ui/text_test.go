package ui

import (
	"testing"
)

func TestCut(t *testing.T) {
	tests := []struct {
		s        string
		w        int
		end      string // cut off at its end
		begin    string // cut off at its beginning
		endASCII string
	}{
		{"abcdef", 6, "abcdef", "abcdef", "abcdef"},
		{"abcdef", 4, "abc…", "…def", "ab.."},
		{"abcdef", 1, "…", "…", "a"},
		{"abcdef", 0, "", "", ""},
		{"漢字漢字", 5, "漢字…", "…漢字", "漢.."},
		{"漢字漢字", 4, "漢…", "…字", "漢.."},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…", "…e\u0301", ".."},
	}
	for _, tt := range tests {
		if got := cut(tt.s, tt.w, "…"); got != tt.end {
			t.Errorf("cut(%q, %d) = %q, want %q", tt.s, tt.w, got, tt.end)
		}
		if got := cutLeft(tt.s, tt.w, "…"); got != tt.begin {
			t.Errorf("cutLeft(%q, %d) = %q, want %q", tt.s, tt.w, got, tt.begin)
		}
		if got := cut(tt.s, tt.w, ".."); got != tt.endASCII {
			t.Errorf("cut(%q, %d) in ASCII = %q, want %q", tt.s, tt.w, got, tt.endASCII)
		}
	}
}

func TestTexter(t *testing.T) {
	tests := []struct {
		name, in, text, ascii string
	}{
		{"plain", "a b", "a b", "a b"},
		{"escape sequence", "a\x1b[31mb", `a\x1b[31mb`, `a\x1b[31mb`},
		{"direction override", "a\u202eb", `a\u202eb`, `a\u202eb`},
		{"letters", "é漢", "é漢", `\u00e9\u6f22`},
		{"beyond the first plane", "🙂", "🙂", `\U0001f642`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (cleaner{}).text(tt.in); got != tt.text {
				t.Errorf("got %q, want %q", got, tt.text)
			}
			if got := (cleaner{ascii: true}).text(tt.in); got != tt.ascii {
				t.Errorf("in ASCII: got %q, want %q", got, tt.ascii)
			}
		})
	}
}

func TestASCIILocale(t *testing.T) {
	tests := []struct {
		name string
		env  []string
		want bool
	}{
		{"nothing set", nil, true},
		{"LANG", []string{"LANG=de_DE.UTF-8"}, false},
		{"C", []string{"LANG=C"}, true},
		{"C.utf8", []string{"LANG=C.utf8"}, false},
		{"LC_ALL wins", []string{"LANG=en_US.UTF-8", "LC_ALL=POSIX"}, true},
		{"an empty one does not count", []string{"LC_ALL=", "LC_CTYPE=C.UTF-8", "LANG=C"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := asciiLocale(envLookup(tt.env)); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
