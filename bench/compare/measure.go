//go:build dev

package main

import (
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// measure runs a command to its end. This program must stay small: on Linux, a process's peak
// memory starts with the resident memory of its parent.
func measure(command []string) (usage, error) {
	var said strings.Builder
	c := exec.Command(command[0], command[1:]...)
	c.Stderr = &said
	began := time.Now()
	err := c.Run()
	took := time.Since(began)
	if err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, said.String())
	}
	return usage{wall: took, cpu: c.ProcessState.UserTime() + c.ProcessState.SystemTime(), memory: maxResident(c.ProcessState)}, nil
}
