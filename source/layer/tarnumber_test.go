package layer

import (
	"testing"
)

func TestTarNumber(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     int64
		ok       bool
	}{
		{"octal", "0000644\x00", 0o644, true},
		{"octal with spaces", "  644 \x00", 0o644, true},
		{"empty", "\x00\x00\x00", 0, true},
		{"no terminator", "77777777", 0o77777777, true},
		{"not octal", "0000648\x00", 0, false},
		{"minus", "-000644\x00", 0, false},
		{"base-256", "\x80\x00\x00\x00\x00\x00\x01\x02", 0x102, true},
		{"base-256, negative", "\xff\xff\xff\xff\xff\xff\xff\xfe", -2, true},
		{"base-256, the largest", "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", 1<<63 - 1, true},
		{"base-256, too large", "\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := tarNumber([]byte(c.in)); got != c.want || ok != c.ok {
				t.Errorf("tarNumber(%q) = %d, %v; want %d, %v", c.in, got, ok, c.want, c.ok)
			}
		})
	}
}

func TestPAXTime(t *testing.T) {
	for _, c := range []struct {
		in   string
		sec  int64
		nsec uint32
		ok   bool
	}{
		{"1350244992", 1350244992, 0, true},
		{"1350244992.0", 1350244992, 0, true},
		{"1350244992.023960108", 1350244992, 23960108, true},
		{"1350244992.02396010899", 1350244992, 23960108, true},
		{"-1.5", -2, 500000000, true},
		{"-0.5", -1, 500000000, true},
		{"1.", 1, 0, true},
		{"", 0, 0, false},
		{"1.x", 0, 0, false},
		{"99999999999999999999", 0, 0, false},
	} {
		sec, nsec, ok := paxTime(c.in)
		if ok != c.ok || ok && (sec != c.sec || nsec != c.nsec) {
			t.Errorf("paxTime(%q) = %d, %d, %v; want %d, %d, %v", c.in, sec, nsec, ok, c.sec, c.nsec, c.ok)
		}
	}
}
