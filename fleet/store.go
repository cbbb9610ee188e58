package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/peelhq/peel/source"
)

// PartImages is the number of images of a plan, in its order, in one object of each table. It is
// part of the format: an object's name determines its content.
const PartImages = 200

// The tables that have parts.
const (
	ImagesTable      = "images"
	ImageLayersTable = "image_layers"
	LayersTable      = "layers"
	FindingsTable    = "findings"
	PackagesTable    = "packages"
)

// markName is the object that marks a store, and has the version of its layout.
const (
	markName = "peel-fleet"
	mark     = "peel fleet store 1\n"
)

// errNotStore says why peel doesn't use a store.
var errNotStore = errors.New("another version of peel wrote the store, or it is not a store of peel: use a new prefix or folder")

// OpenStore opens a store of fleets: "s3://BUCKET[/PREFIX]" or a folder. With create, it creates
// the store if it is empty.
func OpenStore(ctx context.Context, place string, create bool) (source.Objects, error) {
	s, err := source.OpenObjects(ctx, place, create)
	if err != nil {
		return nil, err
	}
	if create {
		if _, err := s.Put(ctx, markName, strings.NewReader(mark), int64(len(mark))); err != nil {
			return nil, err
		}
	}
	switch text, err := ReadObject(ctx, s, markName, 1<<10); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s: not a fleet store: create one with peel fleet index --to", source.ErrRefused, s)
	case err != nil:
		return nil, err
	case string(text) != mark:
		return nil, fmt.Errorf("%w: %s: %w", source.ErrRefused, s, errNotStore)
	}
	return s, nil
}

// ReadObject reads a whole object of at most limit bytes.
func ReadObject(ctx context.Context, s source.Objects, name string, limit int64) (_ []byte, err error) {
	o, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if o.Size() > limit {
		return nil, fmt.Errorf("%s: it has %d bytes, more than the %d that such an object may have", name, o.Size(), limit)
	}
	b := make([]byte, o.Size())
	if n, err := o.ReadAt(b, 0); n < len(b) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// LayerName returns the name of the object with a layer's rows of the table files. The layer's key
// must be a digest.
func LayerName(layer string) string { return "layers/" + hexPath(layer) + ".parquet" }

// FailedName returns the name of the object that says why a layer can't be read.
func FailedName(layer string) string { return "failed/" + hexPath(layer) + ".json" }

// PlanName returns the name of the object with a plan.
func PlanName(plan string) string { return "plans/" + plan + ".ndjson" }

// PartName returns the name of the object with a part of a table.
func PartName(table, plan string, part int64) string {
	return fmt.Sprintf("%s%06d.parquet", TablePrefix(table, plan), part)
}

// TablePrefix returns the prefix of the names of a table's objects, for one plan.
func TablePrefix(table, plan string) string { return "tables/" + table + "/plan=" + plan + "/" }

// hexPath returns a digest as a path: "sha256/HEX".
func hexPath(digest string) string { return strings.Replace(digest, ":", "/", 1) }
