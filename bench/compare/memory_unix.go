//go:build dev && unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// maxResident returns a process's peak resident memory.
func maxResident(p *os.ProcessState) int64 {
	r, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	unit := int64(1 << 10)
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	return int64(r.Maxrss) * unit //nolint:unconvert // an int32 on some machines
}
