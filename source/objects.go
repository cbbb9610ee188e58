package source

import (
	"context"

	"github.com/peelhq/peel/source/objects"
)

type (
	// Objects stores named objects in a folder or a bucket: see [objects.Store].
	Objects = objects.Store
	// Object is one of them, open to be read: see [objects.Object].
	Object = objects.Object
)

// ErrRefused says that a store of objects refused a request, and that trying again is useless.
var ErrRefused = objects.ErrRefused

// OpenObjects opens a store of objects: "s3://BUCKET[/PREFIX]", with endpoint and credentials
// from the environment, or a folder, which it creates if create is set.
func OpenObjects(ctx context.Context, place string, create bool) (Objects, error) {
	return objects.Open(ctx, place, create)
}
