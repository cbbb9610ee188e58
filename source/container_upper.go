package source

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/peelhq/peel/source/layer"
)

// An upperFolder is the folder in which an engine keeps a container's own layer.
type upperFolder struct {
	dir    string   // ROOT/DRIVER/ID/diff
	lower  []string // the folders of the layers below, topmost first
	driver string   // the driver that wrote it: "overlay2"
	engine string   // the kind of engine
}

// upperDrivers keep a container's own layer as the upper directory of an overlay.
var upperDrivers = []string{"overlay2", "overlay", "fuse-overlayfs"}

// readUpper reads a container's own layer from the engine's folder.
func readUpper(ctx context.Context, o *opener, about *Container, at upperFolder) (*layer.Folder, *layer.Scanned, error) {
	if !slices.Contains(upperDrivers, at.driver) {
		return nil, nil, fmt.Errorf("the folders of the driver %q are not read", at.driver)
	}
	if !filepath.IsAbs(at.dir) || filepath.Base(at.dir) != "diff" {
		return nil, nil, fmt.Errorf("the engine keeps it in %q", at.dir)
	}
	store := filepath.Dir(filepath.Dir(filepath.Dir(at.dir)))
	opts := layer.UpperOptions{Lower: at.lower, Keep: committedXattr(at.engine), Fuse: at.driver == "fuse-overlayfs"}
	if at.engine == "podman" {
		opts.LeaveOut = podmanOwn
	}
	if err := inNamespace(store, at.engine, &opts); err != nil {
		return nil, nil, err
	}
	folder, err := layer.OpenUpper(at.dir, opts)
	if err != nil {
		return nil, nil, err
	}
	s, err := folder.Scan(ctx, o.scanOptions())
	if err == nil && about.State == "running" {
		err = folder.FlagChanged(ctx, s.Entries)
	}
	if err != nil {
		return nil, nil, errors.Join(err, folder.Close())
	}
	about.From = at.dir
	return folder, s, nil
}

// committedXattr matches the extended attributes that an engine keeps when it commits a
// container. Sources: moby, pkg/archive, ReadSecurityXattrToTarHeader; containers/storage,
// pkg/archive, ReadSecurityXattrToTarHeader and ReadUserXattrToTarHeader.
func committedXattr(engine string) func(name string) bool {
	if engine == "podman" {
		return func(name string) bool {
			return name == "security.capability" || name == "security.ima" ||
				strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "user.overlay.")
		}
	}
	return func(name string) bool { return name == "security.capability" }
}

// podmanOwn are the paths that podman creates in a container's own layer as
// mount points. "podman diff" hides them. Source: podman, libpod/diff.go,
// initInodes.
var podmanOwn = map[string]bool{
	"dev": true, "etc/hostname": true, "etc/hosts": true, "etc/mtab": true, "etc/resolv.conf": true, "proc": true,
	"run": true, "run/notify": true, "run/.containerenv": true, "run/secrets": true, "sys": true,
}
