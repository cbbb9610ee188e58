//go:build dev && linux

// Command step does to a filesystem what its arguments say, one act an
// argument, in order. It is the only program of the images that the integration
// tests build: they have no shell.
package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	for _, act := range os.Args[1:] {
		words := strings.Fields(act)
		try := len(words) > 0 && words[0] == "try" // what cannot be done is left
		if try {
			words = words[1:]
		}
		if err := do(words); err != nil && !try {
			fmt.Fprintf(os.Stderr, "step: %s: %v\n", act, err)
			os.Exit(1)
		}
	}
}

// acts are the verbs with the number of their operands. Numbers are decimal,
// modes octal, times in seconds since 1970.
var acts = map[string]struct {
	operands int
	do       func(s []string, n []int) error
}{
	"write":   {3, func(s []string, n []int) error { return write(s[0], n[1], n[2]) }}, // PATH SIZE SEED
	"mkdir":   {1, func(s []string, _ []int) error { return os.MkdirAll(s[0], 0o755) }},
	"rm":      {1, func(s []string, _ []int) error { return os.RemoveAll(s[0]) }},
	"ln":      {2, func(s []string, _ []int) error { return os.Link(s[0], s[1]) }},
	"symlink": {2, func(s []string, _ []int) error { return os.Symlink(s[0], s[1]) }},
	"mkfifo":  {1, func(s []string, _ []int) error { return syscall.Mkfifo(s[0], 0o640) }},
	"mknod": {3, func(s []string, n []int) error { // PATH MAJOR MINOR
		return syscall.Mknod(s[0], syscall.S_IFCHR|0o666, n[1]<<8|n[2])
	}},
	"chmod": {2, func(s []string, _ []int) error { // MODE PATH
		mode, err := strconv.ParseUint(s[0], 8, 32)
		if err != nil {
			return err
		}
		return syscall.Chmod(s[1], uint32(mode))
	}},
	"chown": {3, func(s []string, n []int) error { return os.Chown(s[2], n[0], n[1]) }}, // UID GID PATH
	"touch": {2, func(s []string, n []int) error { // PATH TIME
		at := time.Unix(int64(n[1]), 0)
		return os.Chtimes(s[0], at, at)
	}},
	"mv":    {2, func(s []string, _ []int) error { return os.Rename(s[0], s[1]) }},
	"xattr": {3, func(s []string, _ []int) error { return syscall.Setxattr(s[0], s[1], []byte(s[2]), 0) }}, // PATH NAME VALUE
	"sparse": {2, func(s []string, n []int) error { // PATH SIZE: a byte at its beginning, and a hole
		if err := write(s[0], 1, 0); err != nil {
			return err
		}
		return os.Truncate(s[0], int64(n[1]))
	}},
	"append": {2, func(s []string, n []int) error { // PATH SECONDS: again and again
		for end := time.Now().Add(time.Duration(n[1]) * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			f, err := os.OpenFile(s[0], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
			if err != nil {
				return err
			}
			_, err = f.WriteString("more\n")
			if err = errors.Join(err, f.Close()); err != nil {
				return err
			}
		}
		return nil
	}},
	"setcap": {1, func(s []string, _ []int) error { // cap_net_bind_service, effective and permitted
		value := []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		return syscall.Setxattr(s[0], "security.capability", value, 0)
	}},
}

func do(words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("nothing to do")
	}
	act, ok := acts[words[0]]
	if !ok || len(words)-1 != act.operands {
		return fmt.Errorf("no such act")
	}
	operands := words[1:]
	numbers := make([]int, len(operands)) // 0 where an operand is no number
	for i, s := range operands {
		if n, err := strconv.Atoi(s); err == nil {
			numbers[i] = n
		}
	}
	return act.do(operands, numbers)
}

// write makes a file of size bytes that follow from seed, and its parents.
func write(name string, size, seed int) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	data := make([]byte, size)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	// Without waiting for a reader, if it is a pipe.
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NONBLOCK, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
