package report

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"runtime"

	"github.com/peelhq/peel/internal/crash"
)

// rows writes an indented JSON object whose last keys are long arrays, one row at a time, to save
// memory. The first error is kept.
type rows struct {
	w    *bufio.Writer
	row  bytes.Buffer
	enc  *json.Encoder
	deep string // indent of the keys of the current object
	err  error
}

const indent = "  "

func newRows(w io.Writer) *rows {
	r := &rows{w: bufio.NewWriter(w), deep: indent}
	r.enc = json.NewEncoder(&r.row)
	r.enc.SetEscapeHTML(false)
	return r
}

// object begins the object with the keys of v, a struct with one at least.
func (r *rows) object(v any) {
	text := r.encode(v, "")
	r.write(bytes.TrimSuffix(text, []byte("\n}")))
}

// nested adds a key with an object, which begins with the keys of v and ends
// with what within adds.
func (r *rows) nested(key string, v any, within func()) {
	r.text(",\n" + r.deep + `"` + key + `": `)
	r.write(bytes.TrimSuffix(r.encode(v, r.deep), []byte("\n"+r.deep+"}")))
	r.deep += indent
	within()
	r.deep = r.deep[len(indent):]
	r.text("\n" + r.deep + "}")
}

// value adds a key with a value.
func (r *rows) value(key string, v any) {
	r.text(",\n" + r.deep + `"` + key + `": `)
	r.write(r.encode(v, r.deep))
}

// null adds a key with an unknown value.
func (r *rows) null(key string) { r.text(",\n" + r.deep + `"` + key + `": null`) }

// array adds a key with n rows. row is called from several goroutines.
func (r *rows) array(key string, n int, row func(i int) any) {
	r.text(",\n" + r.deep + `"` + key + `": [`)
	deeper := r.deep + indent
	err := inOrder(n, func(text *bytes.Buffer, from, to int) error {
		part := newRows(text)
		for i := from; i < to; i++ {
			if i > 0 {
				part.text(",")
			}
			part.text("\n" + deeper)
			part.write(part.encode(row(i), deeper))
		}
		if part.err == nil {
			part.err = part.w.Flush()
		}
		return part.err
	}, func(text []byte) error {
		r.write(text)
		return r.err
	})
	if r.err = cmp.Or(r.err, err); r.err != nil {
		return
	}
	if n > 0 {
		r.text("\n" + r.deep)
	}
	r.text("]")
}

// rowsAtOnce is the number of rows to encode at a time.
const rowsAtOnce = 256

// inOrder encodes n rows, rowsAtOnce at a time in several goroutines, and writes them in order.
// It holds only a few such pieces and reuses their memory. The error is the first of either.
func inOrder(n int, encode func(text *bytes.Buffer, from, to int) error, write func([]byte) error) error {
	if n <= rowsAtOnce {
		var text bytes.Buffer
		if err := encode(&text, 0, n); err != nil {
			return err
		}
		return write(text.Bytes())
	}
	type piece struct {
		text *bytes.Buffer
		err  error
	}
	pieces := make(chan chan piece, runtime.GOMAXPROCS(0)) // pieces that are being encoded, in order
	used := make(chan *bytes.Buffer, cap(pieces)+2)        // as many as there can be
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		defer close(pieces)
		for from := 0; from < n; from += rowsAtOnce {
			one := make(chan piece, 1)
			select {
			case pieces <- one:
			case <-ended:
				return
			}
			p := piece{text: &bytes.Buffer{}}
			select {
			case p.text = <-used:
				p.text.Reset()
			default:
			}
			go func() {
				p.err = crash.Do(func() error { return encode(p.text, from, min(from+rowsAtOnce, n)) })
				one <- p
			}()
		}
	}()
	for one := range pieces {
		p := <-one
		if p.err == nil {
			p.err = write(p.text.Bytes())
		}
		if p.err != nil {
			return p.err
		}
		used <- p.text
	}
	return nil
}

// objects adds a key with n objects, each of which begins with the keys of
// head(i) and ends with what within(i) adds.
func (r *rows) objects(key string, n int, head func(i int) any, within func(i int)) {
	r.text(",\n" + r.deep + `"` + key + `": [`)
	outer := r.deep
	deeper := outer + indent
	for i := range n {
		if i > 0 {
			r.text(",")
		}
		r.text("\n" + deeper)
		r.write(bytes.TrimSuffix(r.encode(head(i), deeper), []byte("\n"+deeper+"}")))
		r.deep = deeper + indent
		within(i)
		r.deep = outer
		r.text("\n" + deeper + "}")
	}
	if n > 0 {
		r.text("\n" + outer)
	}
	r.text("]")
}

// end ends the object, and returns the first error.
func (r *rows) end() error {
	r.text("\n}\n")
	if r.err == nil {
		r.err = r.w.Flush()
	}
	return r.err
}

// encode returns v as JSON without a trailing newline, valid until the next call; lines after the
// first start with prefix.
func (r *rows) encode(v any, prefix string) []byte {
	r.row.Reset()
	if row, ok := v.(interface {
		appendTo(b []byte, prefix string) []byte
	}); ok {
		_, _ = r.row.Write(row.appendTo(r.row.AvailableBuffer(), prefix)) // cannot fail
		return r.row.Bytes()
	}
	r.enc.SetIndent(prefix, indent)
	if err := r.enc.Encode(v); err != nil && r.err == nil {
		r.err = err
	}
	return bytes.TrimSuffix(r.row.Bytes(), []byte("\n"))
}

func (r *rows) text(s string) { r.write([]byte(s)) }

func (r *rows) write(b []byte) {
	if r.err == nil {
		_, r.err = r.w.Write(b)
	}
}
