package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime/debug"
	"sync"

	"github.com/parquet-go/parquet-go"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/source"
)

// rowsPerGroup is the number of rows in a row group. A reader that looks for a path skips the
// groups, and their pages, whose range doesn't include it.
const rowsPerGroup = 32 << 10

// pageBytes is the approximate size of a page, unpacked.
const pageBytes = 64 << 10

// versionKey is the key in an object's metadata of the version of its table.
const versionKey = "peel.version"

// unbounded are the columns of text that no query compares. Their minimum and maximum are left out,
// because each can have a megabyte.
var unbounded = [][]string{
	{"message"}, {"advice"}, {"step"}, {"command"}, {"title"}, {"error"}, {"base_missing"}, {"link"}, {"link_raw"}, {"fact"},
	{"labels", "key_value", "key"}, {"labels", "key_value", "value"},
	{"xattrs", "list", "element", "name"}, {"xattrs", "list", "element", "value"},
}

// writerOptions are the options for every table.
func writerOptions() []parquet.WriterOption {
	out := []parquet.WriterOption{
		// Neither a version nor a time, so the same rows give the same bytes.
		parquet.CreatedBy("peel", "fleet", ""),
		parquet.KeyValueMetadata(versionKey, fmt.Sprint(Version)),
		parquet.MaxRowsPerRowGroup(rowsPerGroup),
		parquet.PageBufferSize(pageBytes),
		parquet.DataPageVersion(1),        // every engine reads it
		parquet.DataPageStatistics(false), // otherwise a page has its bounds four times; the column index has them too
		parquet.Compression(&parquet.Zstd),
		parquet.DefaultEncodingFor(parquet.ByteArray, &parquet.Plain), // every engine reads it, and it claims no more than it has
	}
	for _, column := range unbounded {
		out = append(out, parquet.SkipPageBounds(column...))
	}
	return out
}

// batchBytes is roughly how many bytes of text are written at once. A page ends only between
// batches, and a reader refuses large pages.
const batchBytes = 1 << 20

// textBytes returns how many bytes of text a row holds.
func textBytes(v reflect.Value) (n int) {
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Pointer:
		if !v.IsNil() {
			return textBytes(v.Elem())
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			n += textBytes(field)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Len()
		}
		for i := range v.Len() {
			n += textBytes(v.Index(i))
		}
	case reflect.Map:
		for each := v.MapRange(); each.Next(); {
			n += textBytes(each.Key()) + textBytes(each.Value())
		}
	}
	return n
}

// schemas has the schemas of the rows' types, made when first needed.
var schemas sync.Map

// schemaOf returns the schema of a type of rows.
func schemaOf[T any]() *parquet.Schema {
	t := reflect.TypeFor[T]()
	known, ok := schemas.Load(t)
	if !ok {
		known, _ = schemas.LoadOrStore(t, parquet.NewSchema("peel", parquet.SchemaOf(new(T))))
	}
	s, _ := known.(*parquet.Schema) // nothing else is stored
	return s
}

// WriteTable returns rows as an object of a table.
func WriteTable[T any](rows []T) ([]byte, error) {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, append(writerOptions(), schemaOf[T]())...)
	for len(rows) > 0 {
		n, bytes := 0, 0
		for n < len(rows) && n < rowBatch && bytes < batchBytes {
			bytes += textBytes(reflect.ValueOf(&rows[n]).Elem())
			n++
		}
		if _, err := w.Write(rows[:n]); err != nil {
			return nil, err
		}
		rows = rows[n:]
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// A Table is an object with rows, open for reading. Its content isn't trusted: sizes that could
// take much memory are checked before it is read.
type Table[T any] struct {
	File *parquet.File // its row groups, columns and statistics

	object source.Object
	at     *blocks                   // reads the object
	group  int                       // the next row group
	rows   *parquet.GenericReader[T] // reads the row group before group; nil if there is none
}

// OpenTable opens an object of a table.
func OpenTable[T any](ctx context.Context, s source.Objects, name string) (_ *Table[T], err error) {
	o, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	blocks := newBlocks(o)
	f, err := openParquet(blocks, o.Size())
	if err == nil {
		err = guarded(func() error { return sameColumns(f, schemaOf[T]()) })
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), o.Close())
	}
	return &Table[T]{File: f, object: o, at: blocks}, nil
}

// Len returns the number of rows.
func (t *Table[T]) Len() int64 { return t.File.NumRows() }

// Seek goes to the beginning of a row group, where Read continues.
func (t *Table[T]) Seek(group int) error {
	err := t.closeGroup()
	t.group = group
	return err
}

// Read reads the next rows, as io.Reader reads bytes: at the end, it returns none, and the error
// io.EOF. It doesn't read past the end of a row group.
func (t *Table[T]) Read(rows []T) (n int, err error) {
	for n == 0 && len(rows) > 0 {
		if t.rows == nil {
			if err := t.nextGroup(); err != nil {
				return 0, err
			}
		}
		err = guarded(func() (err error) {
			n, err = t.rows.Read(rows)
			return err
		})
		switch {
		case errors.Is(err, io.EOF):
			if err := t.closeGroup(); err != nil {
				return n, err
			}
		case err != nil:
			return n, fmt.Errorf("%w: %w", errTable, err)
		case n == 0:
			return 0, errTable // otherwise it would never end
		}
	}
	return n, nil
}

// nextGroup opens the next row group, after checking the sizes of its pages.
func (t *Table[T]) nextGroup() error {
	groups := t.File.RowGroups()
	if t.group >= len(groups) {
		return io.EOF
	}
	if err := checkGroup(t.at, t.object.Size(), &t.File.Metadata().RowGroups[t.group]); err != nil {
		return err
	}
	err := guarded(func() error {
		t.rows = parquet.NewGenericRowGroupReader[T](groups[t.group], schemaOf[T]())
		return nil
	})
	t.group++
	return err
}

func (t *Table[T]) closeGroup() error {
	rows := t.rows
	if t.rows = nil; rows == nil {
		return nil
	}
	return guarded(rows.Close)
}

// Close closes the object.
func (t *Table[T]) Close() error {
	return errors.Join(t.closeGroup(), t.object.Close())
}

// EachRow calls fn with all rows of an object, which are valid until it returns.
func EachRow[T any](ctx context.Context, s source.Objects, name string, fn func(*T) error) (err error) {
	t, err := OpenTable[T](ctx, s, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	rows := make([]T, 64)
	for {
		clear(rows)
		n, err := t.Read(rows)
		for i := range rows[:n] {
			if err := fn(&rows[i]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// guarded calls the library, which may panic on malformed data, or access memory that isn't
// its own.
func guarded(fn func() error) (err error) {
	defer crash.Catch(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return fn()
}
