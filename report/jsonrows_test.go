package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestWasteRowAppends checks that the handwritten encoder of rows of waste writes what package
// json would.
func TestWasteRowAppends(t *testing.T) {
	by := 7
	for _, row := range []wasteRow{
		{Path: "/a", Bytes: 1, Cause: "removed", Layer: 0, By: &by},
		{Path: "/\x1b[31m\"\\\n\t\u202e\xff##[a]é", Bytes: -1, Cause: "duplicate", Layer: 65535},
		{},
	} {
		for _, prefix := range []string{"", "    "} {
			var want bytes.Buffer
			enc := json.NewEncoder(&want)
			enc.SetEscapeHTML(false)
			enc.SetIndent(prefix, indent)
			if err := enc.Encode(row); err != nil {
				t.Fatal(err)
			}
			if got := string(row.appendTo(nil, prefix)) + "\n"; got != want.String() {
				t.Errorf("%+v:\n%s\nwant:\n%s", row, got, &want)
			}
		}
	}
}

// TestRowsInOrder checks that rows encoded by several goroutines stay in order, for any number
// of rows.
func TestRowsInOrder(t *testing.T) {
	for _, n := range []int{0, 1, rowsAtOnce, rowsAtOnce + 1, 10*rowsAtOnce + 3} {
		var out strings.Builder
		r := newRows(&out)
		r.object(struct {
			A int `json:"a"`
		}{})
		r.array("rows", n, func(i int) any { return i })
		if err := r.end(); err != nil {
			t.Fatal(err)
		}
		var got struct{ Rows []int }
		if err := json.Unmarshal([]byte(out.String()), &got); err != nil || len(got.Rows) != n {
			t.Fatalf("%d rows: %d, %v", n, len(got.Rows), err)
		}
		for i, x := range got.Rows {
			if x != i {
				t.Fatalf("%d rows: row %d is %d", n, i, x)
			}
		}
	}
}

// TestRowsThatFail checks that a writer that fails, a row that can't be encoded and one that
// panics end the output.
func TestRowsThatFail(t *testing.T) {
	full := errors.New("full")
	for name, c := range map[string]struct {
		w   io.Writer
		row func(i int) any
	}{
		"writing":  {failing{full}, func(i int) any { return i }},
		"encoding": {io.Discard, func(i int) any { return map[bool]any{true: func() {}, false: 1}[i == 3000] }},
		"a panic": {io.Discard, func(i int) any {
			if i == 3000 {
				panic(full)
			}
			return i
		}},
	} {
		r := newRows(c.w)
		r.object(struct {
			A int `json:"a"`
		}{})
		r.array("rows", 100_000, c.row)
		if err := r.end(); err == nil || name != "encoding" && !errors.Is(err, full) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// failing is a writer that always fails.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, fmt.Errorf("cannot write: %w", f.err) }
