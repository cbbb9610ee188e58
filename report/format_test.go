package report

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func TestCutMiddle(t *testing.T) {
	for _, c := range []struct {
		in      string
		columns int
		want    string
	}{
		{"/etc/passwd", 20, "/etc/passwd"},
		{"/etc/passwd", 11, "/etc/passwd"},
		{"/usr/lib/python3/dist-packages/x.so", 20, "/usr/l…packages/x.so"},
		{"/日本語日本語日本語/x", 12, "/日…日本語/x"},
		{"/etc/passwd", 1, "…"},
	} {
		got := cutMiddle(c.in, c.columns)
		if width(got) > c.columns {
			t.Errorf("cutMiddle(%q, %d) = %q is %d columns wide", c.in, c.columns, got, width(got))
		}
		if got != c.want {
			t.Errorf("cutMiddle(%q, %d) = %q, want %q", c.in, c.columns, got, c.want)
		}
	}
}

func TestQuoted(t *testing.T) {
	for in, want := range map[string]string{
		"":                      `""`,
		"/etc/a&b <c>":          `"/etc/a&b <c>"`,
		`say "hi" \o/`:          `"say \"hi\" \\o/"`,
		"two\nlines\tand a tab": `"two\nlines\tand a tab"`,
		"\x1b[31m\x7f\u009b":    `"\u001b[31m\u007f\u009b"`,
		"\u202etxt\U000e0041":   `"\u202etxt\udb40\udc41"`,
		"日本 é \ufffd":           "\"日本 é \ufffd\"",
		"\xff\xfe":              "\"\ufffd\ufffd\"",
	} {
		b, err := json.Marshal(quoted(in))
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		var direct strings.Builder
		enc := json.NewEncoder(&direct)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(quoted(in)); err != nil {
			t.Error(err)
		}
		if got := strings.TrimSpace(direct.String()); got != want {
			t.Errorf("%q is written as %s, want %s", in, got, want)
		}
		var back string
		if err := json.Unmarshal(b, &back); err != nil || back != strings.ToValidUTF8(string([]rune(in)), "") {
			t.Errorf("%q comes back as %q (%v)", in, back, err)
		}
	}
}

func FuzzQuoted(f *testing.F) {
	f.Add("a\x1b\u202e\xff\U000e0041")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := quoted(s).MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(b, &back); err != nil || back != string([]rune(s)) {
			t.Errorf("%q is written as %s and comes back as %q (%v)", s, b, back, err)
		}
	})
}

func TestStamp(t *testing.T) {
	for _, c := range []struct {
		in   time.Time
		want string // "" for null
	}{
		{time.Time{}, ""},
		{time.Unix(0, 0), "1970-01-01T00:00:00Z"},
		{time.Unix(1, 500_000_000), "1970-01-01T00:00:01.5Z"},
		{time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)), "2026-01-02T02:04:05Z"},
		{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), ""},
		{time.Unix(math.MaxInt64/2, 0), ""},
		{time.Unix(-math.MaxInt64/2, 0), ""},
	} {
		got := ""
		if s := stamp(c.in); s != nil {
			got = *s
		}
		if got != c.want {
			t.Errorf("stamp(%v) = %q, want %q", c.in, got, c.want)
		}
	}
}
