package analyze_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/grep"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// grepped returns the matches of a search as "LAYER PATH", followed by the line number if there
// is one.
func grepped(t *testing.T, a *analyze.Analysis, o analyze.GrepOptions) (found []string, g analyze.Grepped) {
	t.Helper()
	g, err := analyze.Grep(t.Context(), a, o, func(m *analyze.Match) error {
		s := fmt.Sprintf("%d %s", m.Layer(), m.Path())
		switch {
		case m.Line != nil:
			s += fmt.Sprintf(":%d", m.Line.Number)
		case m.Count > 0:
			s += fmt.Sprintf(" (%d)", m.Count)
		}
		found = append(found, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, g
}

func expression(t *testing.T, s string) *grep.Pattern {
	t.Helper()
	p, err := grep.Parse(s, grep.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestGrepRandomImages checks that a search covers exactly the bytes of the totals (stored,
// visible or wasted), reads each content once, and finds the matches in the layers' tars.
func TestGrepRandomImages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image.tar")
	all := expression(t, "")
	pattern, plain := expression(t, "[abc]{2}"), regexp.MustCompile("(?m)[abc]{2}")
	for seed := range uint64(cases(300, 5_000)) {
		im := testkit.Throw(seed).Image()
		f := &testkit.Fixture{Images: []*testkit.Image{im}}
		shape := []string{"docker-20", "oci-tar", "kaniko"}[seed%3]
		if err := os.WriteFile(path, testkit.ShapeNamed(shape).Archive(f), 0o600); err != nil {
			t.Fatal(err)
		}
		a := readAll(t, path)
		for showing, want := range map[analyze.Showing]int64{analyze.Either: a.Totals.Stored, analyze.OnlyVisible: a.Totals.Visible, analyze.OnlyHidden: a.Totals.Wasted} {
			var got int64
			seen := map[[2]int]bool{}
			_, err := analyze.Grep(t.Context(), a, analyze.GrepOptions{Pattern: all, Text: true, Files: true, Among: analyze.Among{Layer: -1, Showing: showing}}, func(m *analyze.Match) error {
				if key := [2]int{m.Layer(), m.Entry()}; seen[key] {
					t.Errorf("seed %d: layer %d, %s is found twice", seed, m.Layer(), m.Path())
				} else {
					seen[key] = true
				}
				got += a.Image.Layers[m.Layer()].Entries.Stored(m.Entry())
				return nil
			})
			if err != nil || got != want {
				t.Fatalf("seed %d, showing %d: searched %d bytes, want %d (%v)", seed, showing, got, want, err)
			}
		}
		var want []string
		for i := range im.Layers {
			for _, e := range im.Layers[i].Members() {
				if e.IsFile() && plain.Match(e.Content()) && !bytes.ContainsRune(e.Content(), '\ufeff') {
					want = append(want, fmt.Sprintf("%d %x", i, sha256.Sum256(e.Content())))
				}
			}
		}
		var got []string
		_, err := analyze.Grep(t.Context(), a, analyze.GrepOptions{Pattern: pattern, Text: true, Files: true, Among: analyze.Among{Layer: -1}}, func(m *analyze.Match) error {
			sum, err := sumOf(t.Context(), a, m)
			got = append(got, fmt.Sprintf("%d %x", m.Layer(), sum))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got {
			if !slices.Contains(want, s) {
				t.Errorf("seed %d: found %s, which doesn't match", seed, s)
			}
		}
		slices.Sort(want)
		for _, s := range slices.Compact(want) {
			if !slices.Contains(got, s) {
				t.Errorf("seed %d: did not find %s", seed, s)
			}
		}
		if t.Failed() {
			t.Fatal(testkit.Text(im))
		}
		if err := a.Image.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// readAll opens an image whose contents can be read.
func readAll(t *testing.T, path string) *analyze.Analysis {
	t.Helper()
	im, err := source.Open(t.Context(), path, source.Options{KeepContent: true})
	if err != nil {
		t.Fatal(err)
	}
	a, err := analyze.Run(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func sumOf(ctx context.Context, a *analyze.Analysis, m *analyze.Match) (sum []byte, err error) {
	r, err := a.Image.Layers[m.Layer()].Open(ctx, m.Entry())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = b.ReadFrom(r)
	s := sha256.Sum256(b.Bytes())
	return s[:], errors.Join(err, r.Close())
}

const searched = `
-- layer --
dir etc
file etc/a.conf "user=root\npassword=one\n"
file etc/b.conf "password=two\npassword=two\n"
hardlink etc/link -> etc/a.conf
file etc/tool "\x7fELF\x00password\n"
-- layer --
file etc/a.conf "password=three\n"
file etc/.wh.b.conf
hardlink etc/again -> etc/a.conf
-- layer --
dir srv
file srv/big 100000000 sparse=1.0 data=50000000+512
file srv/same "user=root\npassword=one\n"
file etc/.wh.link
`

func TestGrep(t *testing.T) {
	f, err := testkit.Parse(testkit.Size(searched, strings.ReplaceAll(searched, "0000000", "000000")))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, testkit.ShapeNamed("docker-20").Archive(f), 0o600); err != nil {
		t.Fatal(err)
	}
	a := readAll(t, path)
	defer a.Image.Close()
	etc, _ := a.Tree.Lookup("/etc/again")
	only, err := analyze.ParseFilter("*.conf")
	if err != nil {
		t.Fatal(err)
	}
	sum := analyze.Sum256(sha256.Sum256([]byte("user=root\npassword=one\n")))
	password := expression(t, "password=")
	for _, c := range []struct {
		name string
		o    analyze.GrepOptions
		want []string
	}{
		{"every version", analyze.GrepOptions{Pattern: password, Among: analyze.Among{Layer: -1}}, []string{"0 /etc/a.conf:2", "0 /etc/b.conf:1", "0 /etc/b.conf:2", "1 /etc/a.conf:1", "2 /srv/same:2"}},
		{"one layer", analyze.GrepOptions{Pattern: password, Among: analyze.Among{Layer: 1}}, []string{"1 /etc/a.conf:1"}},
		{"what shows", analyze.GrepOptions{Pattern: password, Files: true, Among: analyze.Among{Layer: -1, Showing: analyze.OnlyVisible}}, []string{"1 /etc/a.conf", "2 /srv/same"}},
		{"what does not", analyze.GrepOptions{Pattern: password, Files: true, Among: analyze.Among{Layer: -1, Showing: analyze.OnlyHidden}}, []string{"0 /etc/a.conf", "0 /etc/b.conf"}},
		{"a path", analyze.GrepOptions{Pattern: password, Among: analyze.Among{Layer: -1, At: etc}}, []string{"1 /etc/again:1"}},
		{"a filter", analyze.GrepOptions{Pattern: password, Files: true, Among: analyze.Among{Layer: -1, Filter: only}}, []string{"0 /etc/a.conf", "0 /etc/b.conf", "1 /etc/a.conf"}},
		{"counted", analyze.GrepOptions{Pattern: password, Count: true, Among: analyze.Among{Layer: 0}}, []string{"0 /etc/a.conf (1)", "0 /etc/b.conf (2)"}},
		{"the first of each", analyze.GrepOptions{Pattern: password, Most: 1, Among: analyze.Among{Layer: 0}}, []string{"0 /etc/a.conf:2", "0 /etc/b.conf:1"}},
		{"a binary file", analyze.GrepOptions{Pattern: expression(t, "ELF"), Among: analyze.Among{Layer: -1}}, []string{"0 /etc/tool"}},
		{"as text", analyze.GrepOptions{Pattern: expression(t, "ELF"), Text: true, Among: analyze.Among{Layer: -1}}, []string{"0 /etc/tool:1"}},
		{"a sum", analyze.GrepOptions{Sums: map[analyze.Sum256]bool{sum: true}, Among: analyze.Among{Layer: -1}}, []string{"0 /etc/a.conf", "2 /srv/same"}},
		{"nothing", analyze.GrepOptions{Pattern: expression(t, "nowhere"), Among: analyze.Among{Layer: -1}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, _ := grepped(t, a, c.o); !slices.Equal(got, c.want) {
				t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
	stop := errors.New("stop")
	if _, err := analyze.Grep(t.Context(), a, analyze.GrepOptions{Pattern: password, Among: analyze.Among{Layer: -1}}, func(*analyze.Match) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := analyze.Grep(ended, a, analyze.GrepOptions{Pattern: password, Among: analyze.Among{Layer: -1}}, func(*analyze.Match) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestParseSum256(t *testing.T) {
	want := analyze.Sum256(sha256.Sum256([]byte("x")))
	digits := hex.EncodeToString(want[:])
	for _, s := range []string{
		digits, strings.ToUpper(digits), "sha256:" + digits, "SHA256:" + strings.ToUpper(digits), "sha256-" + digits, digits + "  model.bin", digits + " *a b", `\` + digits + `  a\nb`,
		"SHA256 (model.bin) = " + digits, "sha256-" + base64.StdEncoding.EncodeToString(want[:]), "sha256-" + base64.RawStdEncoding.EncodeToString(want[:]), " " + digits + "\n",
	} {
		if got, err := analyze.ParseSum256(s); err != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "sha256:", digits[1:], digits + "0", "sha512:" + digits, "sha256-", "xyz", "md5:" + digits[:32], "SHA256 (a) = "} {
		if got, err := analyze.ParseSum256(s); err == nil {
			t.Errorf("%q is parsed as %v", s, got)
		}
	}
}
