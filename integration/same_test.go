package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestReportIsReproducible runs the program on every form of the image without a
// cache, with an empty one, a full one and a damaged one, and on one processor. The JSON must
// be identical.
func TestReportIsReproducible(t *testing.T) {
	b := builtImage(t)
	peel := buildProgram(t)
	for _, f := range b.forms {
		t.Run(f.name, func(t *testing.T) {
			cache := t.TempDir()
			t.Setenv("XDG_CACHE_HOME", cache)
			report := func(flags ...string) []byte {
				t.Helper()
				out, code := peel.run(t, f, append([]string{"report", "-f", "json", f.ref}, flags...)...)
				if code != 0 {
					t.Fatalf("exit code %d", code)
				}
				return out
			}
			want := report("--no-cache")
			same := func(how string, got []byte) {
				t.Helper()
				if !bytes.Equal(got, want) {
					t.Errorf("%s, got report\n%s\nwithout a cache\n%s", how, got, want)
				}
			}
			began := time.Now()
			same("with an empty cache", report())
			cold := time.Since(began)
			began = time.Now()
			same("with a cache", report())
			t.Logf("with an empty cache got %v, with a cache %v", cold, time.Since(began))
			t.Run("one processor", func(t *testing.T) {
				t.Setenv("GOMAXPROCS", "1")
				same("with a cache, on one processor", report())
				same("on one processor", report("--no-cache"))
			})
			files, err := filepath.Glob(filepath.Join(cache, "peel", "*"))
			if err != nil {
				t.Fatal(err)
			}
			for i, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if i%2 == 0 {
					text = text[:len(text)/2]
				} else {
					text[len(text)/2] ^= 1
				}
				if err := os.WriteFile(file, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			same("with a damaged cache", report())
			same("with a mended cache", report())
		})
	}
}
