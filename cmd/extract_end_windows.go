package cmd

import "golang.org/x/sys/windows"

// endErrorsHere are this system's own endErrors.
var endErrorsHere = []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_WRITE_PROTECT, windows.ERROR_DISK_QUOTA_EXCEEDED}
