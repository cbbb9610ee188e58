package draft

import "os"

// Scratch opens a file in the system's temporary folder, for reading and writing,
// that nobody else can open and that is gone when it is closed or the program
// ends, however that comes about.
func Scratch() (*os.File, error) { return scratch(os.TempDir()) }
