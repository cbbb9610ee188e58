package human

import (
	"slices"
	"strings"
	"testing"
)

// TestCompareNames checks that names are sorted by repository, and within one with the latest
// version first.
func TestCompareNames(t *testing.T) {
	want := strings.Fields("app:2 app:1.10-rc1 app:1.10 app:1.9 app:1 app:latest app:edge app base:1 host:5000/app:2 host:5000/app:1")
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, CompareNames)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
