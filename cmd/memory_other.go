//go:build !unix

package cmd

import "github.com/KimMachineGun/automemlimit/memlimit"

// processLimit returns no limit: processes on this system have none.
func processLimit() (bytes uint64, tight func() bool, err error) {
	return 0, nil, memlimit.ErrNoLimit
}

// enoughAddresses returns nil: this system has no such limit.
func enoughAddresses() error { return nil }
