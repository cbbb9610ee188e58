package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/peelhq/peel/analyze"
)

// Limits on a report to read, far above real ones.
const (
	maxReport       = 512 << 20 // bytes
	maxReportLayers = 1 << 16
	maxReportWaste  = 1 << 21 // rows
)

// ReadBaseline reads a JSON report (see JSON) of an image to compare with. It
// ignores unknown keys, because new ones may be added. A missing key, an
// invalid value, and figures that do not add up are errors that name the key.
func ReadBaseline(r io.Reader) (*analyze.Baseline, error) {
	in := &bounded{r: r, left: maxReport}
	b := baselineReader{d: json.NewDecoder(in), seen: map[string]bool{}}
	if err := b.read(); err != nil {
		if in.left < 0 {
			return nil, fmt.Errorf("the report has more than %d bytes", int64(maxReport))
		}
		return nil, err
	}
	return &b.out, nil
}

// bounded is a reader that fails after more than left bytes.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left+1)])
	b.left -= int64(n)
	return n, err
}

// The keys of a report that a baseline needs. Pointers detect missing keys.
type (
	keptTotals struct {
		Layers          *int64   `json:"layers"`
		Entries         *int64   `json:"entries"`
		StoredBytes     *int64   `json:"storedBytes"`
		VisibleBytes    *int64   `json:"visibleBytes"`
		WastedBytes     *int64   `json:"wastedBytes"`
		Efficiency      *float64 `json:"efficiency"`
		CompressedBytes *int64   `json:"compressedBytes"` // null: unknown
		UserStoredBytes *int64   `json:"userStoredBytes"` // missing or null: unknown
		UserWastedBytes *int64   `json:"userWastedBytes"`
	}

	keptLayer struct {
		Index       *int64  `json:"index"`
		DiffID      *string `json:"diffId"`      // null: unknown
		Command     *string `json:"command"`     // null: unknown
		StoredBytes *int64  `json:"storedBytes"` // null: the layer is unreadable
		WastedBytes *int64  `json:"wastedBytes"` // null: the same
		Error       *string `json:"error"`       // why; null: readable
	}

	keptWaste struct {
		Path  *string `json:"path"`
		Bytes *int64  `json:"bytes"`
		Cause *string `json:"cause"`
		Layer *int64  `json:"layer"`
		By    *int64  `json:"by"` // null: unknown
	}
)

// baselineReader reads a report value by value and keeps what a baseline needs.
type baselineReader struct {
	d    *json.Decoder
	out  analyze.Baseline
	seen map[string]bool

	stored, wasted, waste int64 // sums of rows
}

func (b *baselineReader) read() error {
	if err := b.delim('{'); err != nil {
		return err
	}
	for b.d.More() {
		key, err := b.d.Token()
		if err != nil {
			return malformed("", err)
		}
		if err := b.key(fmt.Sprint(key)); err != nil {
			return err
		}
	}
	if err := b.delim('}'); err != nil {
		return err
	}
	if _, err := b.d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more data follows the report")
	}
	for _, key := range []string{"schema", "totals", "layers", "waste"} {
		if !b.seen[key] {
			return missing(key)
		}
	}
	return b.addUp()
}

func (b *baselineReader) key(key string) error {
	if b.seen[key] {
		return fmt.Errorf("%q occurs twice", key)
	}
	switch key {
	case "schema":
		b.seen[key] = true
		return b.schema()
	case "totals":
		b.seen[key] = true
		return b.totals()
	case "layers":
		b.seen[key] = true
		return b.array(key, maxReportLayers, b.layer)
	case "waste":
		b.seen[key] = true
		return b.array(key, maxReportWaste, b.wasteRow)
	}
	return b.skip()
}

func (b *baselineReader) schema() error {
	var schema string
	if err := b.d.Decode(&schema); err != nil {
		return malformed("schema", err)
	}
	if schema != Schema {
		return fmt.Errorf("its schema is %q, not %q", schema, Schema)
	}
	return nil
}

func (b *baselineReader) totals() error {
	var t keptTotals
	if err := b.d.Decode(&t); err != nil {
		return malformed("totals", err)
	}
	c := checked{at: "totals."}
	f := &b.out.Figures
	f.Layers, f.Entries = int(c.count("layers", t.Layers)), int(c.count("entries", t.Entries))
	f.Stored, f.Visible, f.Wasted = c.count("storedBytes", t.StoredBytes), c.count("visibleBytes", t.VisibleBytes), c.count("wastedBytes", t.WastedBytes)
	f.UserWasted = c.count("userWastedBytes", t.UserWastedBytes)
	f.UserStored, f.Compressed = -1, -1
	if t.UserStoredBytes != nil {
		f.UserStored = c.count("userStoredBytes", t.UserStoredBytes)
	}
	if t.CompressedBytes != nil {
		f.Compressed = c.count("compressedBytes", t.CompressedBytes)
	}
	switch {
	case t.Efficiency == nil:
		c.fail(missing("totals.efficiency"))
	case *t.Efficiency < 0 || *t.Efficiency > 1:
		c.fail(fmt.Errorf("totals.efficiency is %v, no share", *t.Efficiency))
	default:
		f.Efficiency = *t.Efficiency
	}
	return c.err
}

func (b *baselineReader) layer(i int) error {
	at := "layers[" + strconv.Itoa(i) + "]"
	var l keptLayer
	if err := b.d.Decode(&l); err != nil {
		return malformed(at, err)
	}
	c := checked{at: at + "."}
	if c.count("index", l.Index) != int64(i) && c.err == nil {
		return fmt.Errorf("%s.index is %d", at, *l.Index)
	}
	row := analyze.BaselineLayer{}
	if l.Error == nil {
		row.Stored, row.Wasted = c.count("storedBytes", l.StoredBytes), c.count("wastedBytes", l.WastedBytes)
	}
	if l.DiffID != nil {
		row.DiffID = *l.DiffID
	}
	if l.Command != nil {
		row.Step = analyze.BaselineStep(*l.Command)
	}
	b.stored, b.wasted = c.sum(b.stored, row.Stored), c.sum(b.wasted, row.Wasted)
	b.out.Layers = append(b.out.Layers, row)
	return c.err
}

// causes are the causes by their words.
var causes = func() map[string]analyze.Cause {
	out := map[string]analyze.Cause{}
	for _, c := range analyze.Causes() {
		out[c.String()] = c
	}
	return out
}()

func (b *baselineReader) wasteRow(i int) error {
	at := "waste[" + strconv.Itoa(i) + "]"
	var w keptWaste
	if err := b.d.Decode(&w); err != nil {
		return malformed(at, err)
	}
	c := checked{at: at + "."}
	row := analyze.Waste{Node: -1, By: -1, Bytes: c.count("bytes", w.Bytes), Layer: int(c.count("layer", w.Layer))}
	switch {
	case w.Path == nil:
		c.fail(missing(c.at + "path"))
	case w.Cause == nil:
		c.fail(missing(c.at + "cause"))
	case causes[*w.Cause] == analyze.NotShadowed:
		c.fail(fmt.Errorf("%s.cause is %q, which is not a cause", at, *w.Cause))
	default:
		row.Cause = causes[*w.Cause]
		row = row.At(*w.Path)
	}
	if w.By != nil {
		row.By = int(c.count("by", w.By))
	}
	b.waste = c.sum(b.waste, row.Bytes)
	b.out.Waste = append(b.out.Waste, row)
	return c.err
}

// addUp checks that the figures add up.
func (b *baselineReader) addUp() error {
	f := &b.out.Figures
	for _, x := range []struct {
		what      string
		got, want int64
	}{
		{"layers in it", int64(len(b.out.Layers)), int64(f.Layers)},
		{"stored bytes of its layers", b.stored, f.Stored},
		{"wasted bytes of its layers", b.wasted, f.Wasted},
		{"wasted bytes of its rows of waste", b.waste, f.Wasted},
		{"visible and wasted bytes together", f.Stored - f.Wasted, f.Visible},
	} {
		if x.got != x.want {
			return fmt.Errorf("its figures do not add up: the %s are %d, its totals say %d", x.what, x.got, x.want)
		}
	}
	for i, w := range b.out.Waste {
		if w.Layer >= f.Layers || w.By >= f.Layers {
			return fmt.Errorf("waste[%d] names a layer that does not exist", i)
		}
	}
	return nil
}

// array reads a limited number of rows.
func (b *baselineReader) array(key string, most int, row func(i int) error) error {
	if err := b.delim('['); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	for i := 0; b.d.More(); i++ {
		if i == most {
			return fmt.Errorf("%s has more than %d rows", key, most)
		}
		if err := row(i); err != nil {
			return err
		}
	}
	return b.delim(']')
}

// delim reads a bracket.
func (b *baselineReader) delim(want json.Delim) error {
	t, err := b.d.Token()
	if err != nil {
		return malformed("", err)
	}
	if t != want {
		return fmt.Errorf("%v in place of %v", t, want)
	}
	return nil
}

// skip skips a value of any size.
func (b *baselineReader) skip() error {
	for depth := 0; ; {
		t, err := b.d.Token()
		if err != nil {
			return malformed("", err)
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// checked reads numbers of an object at path at, and keeps the first error.
type checked struct {
	at  string
	err error
}

func (c *checked) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// count returns a required, non-negative number.
func (c *checked) count(key string, n *int64) int64 {
	switch {
	case n == nil:
		c.fail(missing(c.at + key))
	case *n < 0:
		c.fail(fmt.Errorf("%s%s is %d", c.at, key, *n))
	default:
		return *n
	}
	return 0
}

// sum adds two non-negative numbers.
func (c *checked) sum(a, b int64) int64 {
	if a > math.MaxInt64-b {
		c.fail(fmt.Errorf("%s: numbers too large to add up", c.at))
		return a
	}
	return a + b
}

func missing(key string) error { return fmt.Errorf("%s is missing", key) }

// malformed rewords an error of the JSON library.
func malformed(at string, err error) error {
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		if wrong.Field != "" {
			at += "." + wrong.Field
		}
		return fmt.Errorf("%s is a %s, but a report has another type here", at, wrong.Value)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends too early")
	}
	if at != "" {
		return fmt.Errorf("%s: %w", at, err)
	}
	return err
}
