//go:build !unix

package cmd

import "github.com/KimMachineGun/automemlimit/memlimit"

// processLimit returns none: processes have no such limits here.
func processLimit() (bytes uint64, tight func() bool, err error) {
	return 0, nil, memlimit.ErrNoLimit
}

// enoughAddresses knows of no limit here.
func enoughAddresses() error { return nil }
