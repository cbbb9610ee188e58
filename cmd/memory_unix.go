//go:build unix

package cmd

import (
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"golang.org/x/sys/unix"

	"github.com/peelhq/peel/internal/human"
)

// addressShare is the share of a process's remaining address space that may be used: an
// allocation that does not fit into the rest ends the program at once, and growing tables are
// copied to an area a fourth larger. addressMargin is the minimum left free, in bytes, because
// the runtime reserves addresses in pieces of 64 MiB.
const (
	addressShare  = 0.5
	addressMargin = 192 << 20
)

// leastAddresses is the minimum address space at the start: the runtime reserves it in pieces of
// 64 MiB and ends the program if it gets none.
const leastAddresses = 64 << 20

// enoughAddresses returns an error if the process's limit on its address space
// leaves too little of it to do anything.
func enoughAddresses() error {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_AS, &limit)
	most := uint64(limit.Cur) //nolint:unconvert // FreeBSD has it signed
	taken, known := addressSpace(unix.RLIMIT_AS)
	if err != nil || !known || most >= math.MaxInt64 || most >= taken+leastAddresses {
		return nil //nolint:nilerr // where the system does not know, nothing is limited
	}
	return failed("ulimit -v unlimited, or a limit on memory by a control group", "too little address space: the limit of %s on this process (ulimit -v) leaves %s, and peel needs %s",
		human.Size(int64(most)), human.Size(int64(most-min(taken, most))), human.Size(leastAddresses))
}

// processLimit returns how much memory the process's own limits on address space and data leave,
// and a function that reports whether little of it is left.
func processLimit() (bytes uint64, tight func() bool, err error) {
	bytes, tight = math.MaxUint64, func() bool { return false }
	for _, resource := range []int{unix.RLIMIT_AS, unix.RLIMIT_DATA} {
		var limit unix.Rlimit
		if err := unix.Getrlimit(resource, &limit); err != nil {
			continue // the system doesn't have this limit
		}
		most := uint64(limit.Cur)  //nolint:unconvert // FreeBSD has it signed
		if most >= math.MaxInt64 { // no limit
			continue
		}
		taken, known := addressSpace(resource)
		left := most - min(taken, most)
		if share := max(uint64(float64(left)*addressShare), 1); share < bytes {
			bytes = share
			if known {
				margin := min(addressMargin, left/2)
				tight = func() bool {
					taken, _ := addressSpace(resource)
					return taken > most-margin
				}
			}
		}
	}
	if bytes == math.MaxUint64 {
		return 0, tight, memlimit.ErrNoLimit
	}
	return bytes, tight, nil
}
