package cmd

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestEnoughAddresses checks that too low a limit on the address space gives an error that says
// so.
func TestEnoughAddresses(t *testing.T) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &was); err != nil {
		t.Fatal(err)
	}
	limited := func(left uint64) error {
		taken, ok := addressSpace(unix.RLIMIT_AS)
		if !ok {
			t.Fatal("the size of the address space is unknown")
		}
		limit := was
		limit.Cur = taken + left
		if err := unix.Setrlimit(unix.RLIMIT_AS, &limit); err != nil {
			t.Fatal(err)
		}
		err := enoughAddresses()
		if err := unix.Setrlimit(unix.RLIMIT_AS, &was); err != nil {
			t.Fatal(err)
		}
		return err
	}
	if err := limited(leastAddresses * 3 / 4); err == nil || !strings.Contains(err.Error(), "too little address space") {
		t.Errorf("too little: %v", err)
	}
	if err := limited(2 * leastAddresses); err != nil {
		t.Errorf("enough: %v", err)
	}
	if err := enoughAddresses(); err != nil {
		t.Errorf("without a limit set by the test: got %v", err)
	}
}
