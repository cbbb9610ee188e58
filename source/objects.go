package source

import (
	"context"

	"github.com/peelhq/peel/source/objects"
)

// Objects are kept under names, in a folder or in a bucket: see [objects.Store].
type (
	Objects = objects.Store
	Object  = objects.Object
)

// ErrRefused says that a store of objects does not let itself be used as it is asked, and
// that trying again will not mend it.
var ErrRefused = objects.ErrRefused

// OpenObjects opens a store of objects: "s3://BUCKET[/PREFIX]", with what the environment
// says of endpoint and credentials, or a folder, which is made if create says so.
func OpenObjects(ctx context.Context, place string, create bool) (Objects, error) {
	return objects.Open(ctx, place, create)
}
