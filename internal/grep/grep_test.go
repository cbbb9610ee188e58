package grep

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf16"

	"github.com/peelhq/peel/internal/testkit"
)

// search returns the numbers of the lines that match, and whether the file is binary.
func search(t testing.TB, s *Scanner, r io.Reader) (numbers []int64, isBinary bool) {
	t.Helper()
	s.Found = func(l Line, b bool) bool {
		numbers, isBinary = append(numbers, l.Number), b
		return true
	}
	if err := s.Search(r); err != nil {
		t.Fatal(err)
	}
	return numbers, isBinary
}

func pattern(t testing.TB, text string, o Options) *Pattern {
	t.Helper()
	p, err := Parse(text, o)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return p
}

// plain is a simple version of Search that matches line by line.
func plain(text string, o Options, content []byte) (numbers []int64) {
	if o.Literal {
		text = regexp.QuoteMeta(text)
	}
	if o.IgnoreCase {
		text = "(?i)" + text
	}
	re := regexp.MustCompile(text)
	if len(content) == 0 {
		return nil
	}
	content = bytes.TrimSuffix(content, []byte("\n"))
	for i, line := range bytes.Split(content, []byte("\n")) {
		if re.Match(line) {
			numbers = append(numbers, int64(i+1))
		}
	}
	return numbers
}

func TestPatterns(t *testing.T) {
	const text = "alpha\nBeta gamma\n\n  tab\tkey=VALUE\ncafé Straße \u212aelvin\nkelvin street\naXb\na\\b\n\xff\xfe raw\nlast"
	for _, p := range []string{
		"", "a", "alpha", "^a", "a$", "^$", "^", "$", `\bkey\b`, `\Bet`, `\s`, `[^a]`, `(?s).`, `a.b`, `a.*m`, `(?i)beta`, `(?i)kelvin`, `(?i)street|VALUE`,
		"alpha|gamma", "al(ph|xx)a", "x*", "(key|tab)+", `\Aalpha\z`, `\xff`, "é", `[[:space:]]key`, `a{2,}`, `(foo|bar|a)b?`, "nothing", "(?i)STRASSE|straße", `\w+=\w+$`,
	} {
		for _, o := range []Options{{}, {IgnoreCase: true}, {Literal: true}, {Literal: true, IgnoreCase: true}} {
			got, _ := search(t, &Scanner{Pattern: pattern(t, p, o)}, strings.NewReader(text))
			if want := plain(p, o, []byte(text)); !reflect.DeepEqual(got, want) {
				t.Errorf("%q %+v: lines %v, want %v", p, o, got, want)
			}
		}
	}
}

func TestMalformedPatterns(t *testing.T) {
	for p, want := range map[string]string{
		"a(":      "missing closing )",
		"a\nb":    "a line break in the pattern",
		`a\nb`:    "a line break in the pattern",
		`[\n]`:    "a line break in the pattern",
		"\xff":    "not valid UTF-8",
		"a{1001}": "invalid repeat count",
	} {
		if _, err := Parse(p, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", p, err, want)
		}
	}
	if _, err := Parse("a\nb", Options{Literal: true}); err == nil {
		t.Error("a literal with a line break is accepted")
	}
	if got, _ := search(t, &Scanner{Pattern: pattern(t, "\xff\xfe", Options{Literal: true})}, strings.NewReader("a\nb\xff\xfec\n")); !reflect.DeepEqual(got, []int64{2}) {
		t.Errorf("invalid UTF-8: got lines %v", got)
	}
}

// TestRandomTexts compares a search with matching line by line, for random lines, block sizes
// and reads.
func TestRandomTexts(t *testing.T) {
	patterns := []string{"ab", "^ab", "ab$", `\bab`, `ab\b`, `\Bab`, "a.b", "a[^b]*c", "ab|ca", "(?i)AB", "c+a", "^$", "a b", `^.{3}$`, "é", "b.*c$"}
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 3000 {
		words := []string{"a", "b", "c", " ", "ab", "é", "A", "\xff"}
		var text []byte
		for range rng.IntN(40) {
			for range rng.IntN(1 + rng.IntN(60)) {
				text = append(text, words[rng.IntN(len(words))]...)
			}
			if rng.IntN(20) > 0 {
				text = append(text, '\n')
			}
		}
		p := patterns[round%len(patterns)]
		s := &Scanner{Pattern: pattern(t, p, Options{}), buf: make([]byte, 4096), block: 1 + rng.IntN(200), overlap: 1024}
		if round%2 == 0 { // lines in pieces: skip patterns that may match more than the overlap
			s.buf, s.overlap = make([]byte, 40), 20
			if strings.Contains(p, "*") || strings.Contains(p, "{") {
				continue
			}
		}
		var r io.Reader = bytes.NewReader(text)
		if round%3 == 0 {
			r = iotest.OneByteReader(r)
		} else {
			r = struct{ io.Reader }{r} // by Read
		}
		got, _ := search(t, s, r)
		if want := plain(p, Options{}, text); !reflect.DeepEqual(got, want) {
			t.Fatalf("round %d: %q in %q: got lines %v, want %v", round, p, text, got, want)
		}
	}
}

func TestKindsOfFiles(t *testing.T) {
	wide := func(order binary.AppendByteOrder, s string) string {
		b := order.AppendUint16(nil, 0xfeff)
		for _, u := range utf16.Encode([]rune(s)) {
			b = order.AppendUint16(b, u)
		}
		return string(b)
	}
	for _, c := range []struct {
		name, content, pattern string
		text                   bool
		lines                  []int64
		binary                 bool
	}{
		{"UTF-8 with a mark", "\xef\xbb\xbffirst\nsecond", "^first", false, []int64{1}, false},
		{"UTF-16, little-endian", wide(binary.LittleEndian, "first\nsec😀nd"), "^sec😀nd$", false, []int64{2}, false},
		{"UTF-16, big-endian", wide(binary.BigEndian, "first\nsecond"), "second", false, []int64{2}, false},
		{"UTF-16 that is cut", wide(binary.BigEndian, "first") + "x", "first\ufffd", false, []int64{1}, false},
		{"binary", "\x7fELF\x00\x00password\x00\n", "password", false, []int64{3}, true},
		{"binary, whose texts end at NUL", "\x00abc\x00def", "c.d", false, nil, false},
		{"binary, as text", "\x7fELF\x00\npass\x00word\n", `pass\x00word`, true, []int64{2}, false},
		{"NUL far from the beginning", strings.Repeat("a line\n", 20_000) + "\x00word\n", "word", false, []int64{20_001}, false},
	} {
		for name, r := range map[string]io.Reader{"read": struct{ io.Reader }{strings.NewReader(c.content)}, "written": strings.NewReader(c.content), "in bytes": iotest.OneByteReader(strings.NewReader(c.content))} {
			lines, isBinary := search(t, &Scanner{Pattern: pattern(t, c.pattern, Options{}), Text: c.text}, r)
			if !reflect.DeepEqual(lines, c.lines) || isBinary != c.binary {
				t.Errorf("%s, %s: lines %v, binary %v", c.name, name, lines, isBinary)
			}
		}
	}
}

// sparse is a file with holes between texts.
type sparse struct {
	io.Reader
	holes []int64
	texts []string
}

func (f *sparse) WriteTo(w io.Writer) (int64, error) {
	for i, n := range f.holes {
		if err := w.(interface{ Hole(n int64) error }).Hole(n); err != nil {
			return 0, err
		}
		if _, err := io.WriteString(w, f.texts[i]); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func TestHolesTakeNoTime(t *testing.T) {
	began := time.Now()
	f := &sparse{holes: []int64{1 << 60, 1 << 61}, texts: []string{"one\n", "two\n"}}
	for _, text := range []bool{false, true} {
		if got, _ := search(t, &Scanner{Pattern: pattern(t, "two", Options{}), Text: text}, f); len(got) != 1 {
			t.Errorf("lines %v", got)
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// endless returns a line of n bytes, followed by text.
func endless(n int64, text string) io.Reader {
	return io.MultiReader(io.LimitReader(xs{}, n), strings.NewReader(text))
}

type xs struct{}

func (xs) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

func TestLongLine(t *testing.T) {
	size := int64(testkit.Rounds(8 << 20))
	for _, c := range []struct {
		pattern, behind string
		lines           []int64
	}{
		{"needle", " needle x\nsecond", []int64{1}},
		{"second$", " needle x\nsecond", []int64{2}},
		{"^needle", " needle x\nsecond", nil},
		{`\bx`, " needle\nsecond", []int64{1}},
		{`x\b`, "\nsecond", []int64{1}},
		{`\bxx\b`, "\nsecond", nil},
		{"(?i)NEEDLE$", " needle\nsecond", []int64{1}},
	} {
		s := &Scanner{Pattern: pattern(t, c.pattern, Options{})}
		var most int
		var got []int64
		s.Found = func(l Line, _ bool) bool {
			most = max(most, len(l.Text))
			if m := l.Text[l.From:l.To]; len(m) == 0 {
				t.Errorf("%q: nothing is marked", c.pattern)
			}
			got = append(got, l.Number)
			return true
		}
		if err := s.Search(endless(size, c.behind)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, c.lines) || most > MostText {
			t.Errorf("%q: got lines %v, want %v; %d bytes of a line", c.pattern, got, c.lines, most)
		}
		if len(s.buf) != pieceSize {
			t.Errorf("the buffer grew to %d bytes", len(s.buf))
		}
	}
}

func TestStopsWhenItIsEnough(t *testing.T) {
	reads := 0
	r := readerFunc(func(b []byte) (int, error) {
		reads++
		return copy(b, strings.Repeat("word\n", len(b)/5+1)), nil
	})
	found := 0
	s := &Scanner{Pattern: pattern(t, "word", Options{}), Found: func(Line, bool) bool { found++; return found < 3 }}
	if err := s.Search(r); err != nil || found != 3 || reads > 1 {
		t.Errorf("got %d lines, %d reads, error %v", found, reads, err)
	}
	broken := fmt.Errorf("broken")
	if err := s.Search(iotest.ErrReader(broken)); err != broken { //nolint:errorlint // it is handed through
		t.Errorf("error %v", err)
	}
}

type readerFunc func(b []byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func FuzzGrep(f *testing.F) {
	f.Add("a|b", []byte("a\nb"), true, false)
	f.Add(`\x00`, []byte("\xff\xfea\x00"), false, true)
	f.Fuzz(func(t *testing.T, p string, content []byte, fold, literal bool) {
		o := Options{IgnoreCase: fold, Literal: literal}
		parsed, err := Parse(p, o)
		if err != nil {
			return
		}
		s := &Scanner{Pattern: parsed, Text: true, buf: make([]byte, 1<<16), block: 7, overlap: 1 << 10}
		got, _ := search(t, s, struct{ io.Reader }{bytes.NewReader(content)})
		if len(content) > 1<<15 || len(content) > 1 && (content[0] >= 0xef) || bytes.ContainsRune(content, '\r') {
			return // with a mark
		}
		if literal {
			p = regexp.QuoteMeta(p)
		}
		flags := "(?m"
		if fold {
			flags += "i"
		}
		re, err := regexp.Compile(flags + ")" + p)
		if err != nil {
			return
		}
		var want []int64
		if len(content) > 0 {
			for i, line := range bytes.Split(bytes.TrimSuffix(content, []byte("\n")), []byte("\n")) {
				if re.Match(line) {
					want = append(want, int64(i+1))
				}
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q in %q: got lines %v, want %v", p, content, got, want)
		}
	})
}

func BenchmarkSearch(b *testing.B) {
	text := []byte(strings.Repeat("the quick brown fox jumps over the lazy dog 0123456789\n", 20_000))
	for _, p := range []string{"password", "(?i)password", "pass(word|phrase)", "secret|password|token", `[0-9]{3}-[0-9]{4}`, "^root:"} {
		b.Run(p, func(b *testing.B) {
			s := &Scanner{Pattern: pattern(b, p, Options{}), Found: func(Line, bool) bool { return true }}
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if err := s.Search(struct{ io.Reader }{bytes.NewReader(text)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
