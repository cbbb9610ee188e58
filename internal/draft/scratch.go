package draft

import "os"

// Scratch opens a file in the system's temporary folder for reading and writing. Nobody else
// can open it, and it is deleted when it is closed or the program ends for any reason.
func Scratch() (*os.File, error) { return scratch(os.TempDir()) }
