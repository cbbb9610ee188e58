package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/peelhq/peel/source/engine"
	"github.com/peelhq/peel/source/layer"
)

// fromSnapshots reads layers from containerd's snapshots if their blobs are missing from the
// content store: Kubernetes can discard blobs after unpacking (discard_unpacked_layers). A
// snapshot holds the unpacked layer, so no digest can be checked. If that fails, each layer's
// error says why.
func (f *containerdFound) fromSnapshots(ctx context.Context, o *opener, im *Image) error {
	last := -1
	var diffIDs []string
	for i, l := range im.Layers {
		diffIDs = append(diffIDs, l.DiffID)
		if errors.Is(l.Err, fs.ErrNotExist) {
			last = i
		}
	}
	if last < 0 {
		return nil
	}
	opened, err := f.openSnapshots(ctx, o, im, chainIDs(diffIDs[:last+1]))
	switch {
	case err == nil:
		im.bundle = &snapshotsBundle{im.bundle, opened}
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	for _, l := range im.Layers[:last+1] {
		if errors.Is(l.Err, fs.ErrNotExist) {
			l.Err = &discardedError{l.Err, err}
		}
	}
	return nil
}

// A discardedError says that a layer's blob was discarded and why it can't be read from a
// snapshot.
type discardedError struct{ blob, snapshot error }

func (e *discardedError) Error() string {
	return fmt.Sprintf("its blob is not in containerd's content store, and it cannot be read from a snapshot: %v", e.snapshot)
}

func (e *discardedError) Unwrap() error { return e.blob }

// openSnapshots reads layers from the snapshots with these names, lowest first.
func (f *containerdFound) openSnapshots(ctx context.Context, o *opener, im *Image, chain []string) (opened []*layer.Folder, err error) {
	if o.Via == ViaAPI {
		return nil, errors.New("its API does not hand it out (leave out --via api)")
	}
	found, err := engine.ReadSnapshots(ctx, f.place.roots, f.Namespace, chain)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			for _, folder := range opened {
				err = errors.Join(err, folder.Close())
			}
			opened = nil
		}
	}()
	options := layer.UpperOptions{Fuse: found.Snapshotter == "fuse-overlayfs"}
	if err := inNamespace(found.Root, containerdPrefix, &options); err != nil {
		return nil, err
	}
	for i, name := range chain {
		dir := found.Dirs[name]
		if l := im.Layers[i]; errors.Is(l.Err, fs.ErrNotExist) {
			folder, err := layer.OpenUpper(dir, options)
			if err != nil {
				return opened, err
			}
			opened = append(opened, folder)
			l.Err, l.name, l.reader = nil, dir, folder
			o.Log.Debug("a layer is read from its snapshot", "layer", i, "folder", dir)
		}
		options.Lower = append([]string{dir}, options.Lower...)
	}
	return opened, nil
}

// A snapshotsBundle is an image's bundle and the snapshots for its layers.
type snapshotsBundle struct {
	bundle
	opened []*layer.Folder
}

func (b *snapshotsBundle) close() error {
	err := b.bundle.close()
	for _, folder := range b.opened {
		err = errors.Join(err, folder.Close())
	}
	return err
}
