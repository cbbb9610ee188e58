//go:build dev && !unix

package main

import "os"

// maxResident returns 0, since the peak is unknown on this system.
func maxResident(*os.ProcessState) int64 { return 0 }
