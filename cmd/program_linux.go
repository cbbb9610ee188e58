package cmd

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unmap takes the program's code and constants out of the process's resident memory.
// Starting the program touches the code of all its libraries, some 20 MB, most of which it
// doesn't use again. The kernel keeps the pages in its cache and maps the ones that are used
// again, which takes about a millisecond in all.
//
// It leaves a mapping with changed pages alone, because those would be lost: addresses that the
// loader has filled in, or a debugger's breakpoints.
func unmap() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer f.Close()
	// For each mapping in smaps, the kernel counts the pages, and for the heap that takes longer
	// than the rest. So read in pieces that are shorter than what it writes about a mapping, and
	// stop after the program's last one.
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 512), bufio.MaxScanTokenSize)
	left := strings.Count(string(maps), " "+program+"\n")
	var from, to uintptr
	for left > 0 && lines.Scan() {
		line := lines.Text()
		switch fields := strings.Fields(line); {
		case len(fields) >= 6 && !strings.HasSuffix(fields[0], ":"): // a mapping's first line
			from, to = 0, 0
			if !strings.HasSuffix(line, " "+program) {
				continue
			}
			if strings.HasPrefix(fields[1], "r-") {
				from, to = addresses(fields[0])
			}
			if from >= to {
				left--
			}
		case from < to && line[:min(len(line), 10)] == "Anonymous:":
			if fields[1] == "0" {
				_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
			}
			from, to = 0, 0
			left--
		}
	}
}

// addresses parses a range such as 00400000-01582000. It returns two zeros for anything else.
func addresses(text string) (from, to uintptr) {
	first, last, _ := strings.Cut(text, "-")
	a, err := strconv.ParseUint(first, 16, strconv.IntSize)
	b, err2 := strconv.ParseUint(last, 16, strconv.IntSize)
	if err != nil || err2 != nil {
		return 0, 0
	}
	return uintptr(a), uintptr(b)
}
