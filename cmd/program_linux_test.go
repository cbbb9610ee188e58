package cmd

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestUnmap checks that unmap gives back the pages of the program that haven't changed, and keeps
// those of a mapping with a changed page, as a loader or a debugger makes them.
func TestUnmap(t *testing.T) {
	if os.Getenv("PEEL_TEST_UNMAP") == "" { // other tests' collections call unmap as well
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestUnmap$", "-test.v")
		c.Env = append(os.Environ(), "PEEL_TEST_UNMAP=1", "GOGC=off")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Skip("the system doesn't show the program: ", err)
	}
	defer f.Close()
	const pages = 64
	size := pages * os.Getpagesize()
	var touched byte
	mapped := func(change bool) []byte {
		b, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_POPULATE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Munmap(b) })
		if change {
			b[size/2] ^= 0xff
		} else if err := unix.Madvise(b, unix.MADV_DONTNEED); err != nil { // MAP_POPULATE has copied them
			t.Fatal(err)
		}
		if err := unix.Mprotect(b, unix.PROT_READ); err != nil {
			t.Fatal(err)
		}
		for at := 0; at < size; at += os.Getpagesize() {
			touched += b[at]
		}
		return b
	}
	resident := func(b []byte) int {
		t.Helper()
		smaps, err := os.ReadFile("/proc/self/smaps")
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(smaps), fmt.Sprintf("%08x-", uintptr(unsafe.Pointer(unsafe.SliceData(b)))))
		_, text, _ = strings.Cut(text, "Rss:")
		var kb int
		if _, err := fmt.Sscan(text, &kb); err != nil {
			t.Fatal(err)
		}
		return kb << 10
	}
	same, changed := mapped(false), mapped(true)
	t.Log("read the pages, which add up to ", touched)
	was := changed[size/2]
	if resident(same) != size || resident(changed) != size {
		t.Fatalf("%d and %d of %d bytes are in memory", resident(same), resident(changed), size)
	}
	unmap()
	if n := resident(same); n != 0 {
		t.Errorf("%d of %d unchanged bytes are still in memory", n, size)
	}
	if n := resident(changed); n != size || changed[size/2] != was {
		t.Errorf("a mapping with a changed page was given back: %d of %d bytes are in memory", n, size)
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string][2]uintptr{
		"00400000-01582000": {0x400000, 0x1582000},
		"00400000":          {},
		"-":                 {},
		"x-01582000":        {},
		"":                  {},
	} {
		if from, to := addresses(text); from != want[0] || to != want[1] {
			t.Errorf("addresses(%q) = %#x, %#x, want %#x", text, from, to, want)
		}
	}
}
