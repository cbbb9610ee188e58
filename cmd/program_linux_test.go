package cmd

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
)

// codeInMemory returns how many bytes of the program's code are resident.
func codeInMemory(t *testing.T) int {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip("the system does not show its mappings: ", err)
	}
	defer f.Close()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	bytes, code := 0, false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) >= 6 && !strings.HasSuffix(fields[0], ":"):
			code = strings.HasPrefix(fields[1], "r-x") && fields[5] == program
		case code && fields[0] == "Rss:":
			kb, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			bytes += kb << 10
		}
	}
	return bytes
}

func TestUnmap(t *testing.T) {
	before := codeInMemory(t)
	unmap()
	after := codeInMemory(t)
	t.Logf("code in memory: %d bytes before, %d after", before, after)
	if after > before/2 {
		t.Errorf("%d of %d bytes of code are still in memory", after, before)
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string][2]uintptr{
		"00400000-01582000": {0x400000, 0x1582000},
		"00400000":          {},
		"-":                 {},
		"x-01582000":        {},
		"":                  {},
	} {
		if from, to := addresses(text); from != want[0] || to != want[1] {
			t.Errorf("addresses(%q) = %#x, %#x, want %#x", text, from, to, want)
		}
	}
}
