package crash

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestCatch(t *testing.T) {
	var none []int
	for _, c := range []struct {
		name string
		f    func() error
		want string // part of the error; "" for none
	}{
		{"nothing", func() error { return nil }, ""},
		{"an error", func() error { return io.EOF }, "EOF"},
		{"a panic", func() error { panic("too bad") }, "this is a defect in peel: too bad"},
		{"a panic with an error", func() error { panic(io.ErrClosedPipe) }, "this is a defect in peel: io: read/write on closed pipe"},
		{"an index out of range", func() error { return errors.New(string(rune(none[3]))) }, "this is a defect in peel: runtime error: index out of range [3] with length 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := func() (err error) {
				defer Catch(&err)
				return c.f()
			}()
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			var d *Defect
			if errors.As(err, &d) && (len(d.Where) == 0 || !strings.HasPrefix(d.Where[0], "crash_test.go:")) {
				t.Errorf("got %q as the place", d.Where)
			}
		})
	}
	if err := func() (err error) { defer Catch(&err); panic(io.EOF) }(); !errors.Is(err, io.EOF) {
		t.Errorf("%v isn't the error of the panic", err)
	}
}
