//go:build !windows

package cmd

// endErrorsHere are this system's own endErrors.
var endErrorsHere []error
