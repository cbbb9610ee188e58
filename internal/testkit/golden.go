package testkit

import (
	"os"
	"strings"
	"testing"
)

// Golden compares text with a file line by line, so that differences are readable. With update
// it writes the file instead; a test takes that from a flag:
//
//	var update = flag.Bool("update", false, "write the goldens anew")
func Golden(t testing.TB, file, got string, update bool) {
	t.Helper()
	if update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (-update writes it)", err)
	}
	if got == string(want) {
		return
	}
	a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			t.Errorf("%s:%d: line is missing: %s", file, i+1, b[i])
		case i >= len(b):
			t.Errorf("%s:%d: extra line: %s", file, i+1, a[i])
		case a[i] != b[i]:
			t.Errorf("%s:%d:\n got %s\nwant %s", file, i+1, a[i], b[i])
		}
	}
}
