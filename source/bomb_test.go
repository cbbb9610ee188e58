package source

import (
	"strings"
	"testing"
)

// TestBombs checks that a few bytes that expand to gigabytes are refused with an error that
// names the bound.
func TestBombs(t *testing.T) {
	before := maxUnpackMore
	maxUnpackMore = 16 << 20
	t.Cleanup(func() { maxUnpackMore = before })
	_, err := Open(t.Context(), "../testdata/bomb.tar.bz2", Options{})
	if err == nil || !strings.Contains(err.Error(), "bzip2: it unpacks to more than 16 MiB and 256 times its size") {
		t.Errorf("got error %v, want one that names the bound", err)
	}
}
