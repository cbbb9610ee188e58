// Peel shows what each layer of a container image does to the ones below it:
// what it adds, what it covers, what it deletes, and which bytes are still
// shipped although they no longer show.
package main

import (
	"os"

	"github.com/peelhq/peel/cmd"
)

func main() { os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
