package source

import (
	"context"
	"errors"
	"strings"
)

// DiffIDsOf returns the diffIDs of the image that ref names, lowest first: one
// of an engine that answers, or in a file. No layer of it is read but where a
// compressed archive leaves no other way.
func (im *Image) DiffIDsOf(ctx context.Context, ref string) ([]string, error) {
	ids, err := im.LocalDiffIDsOf(ctx, ref)
	if err == nil {
		return ids, nil
	}
	o := opener{Options: Options{Platform: im.Platform, Log: im.log}, ref: ref}
	other, fileErr := o.files(ctx)
	if fileErr != nil {
		return nil, errors.Join(fileErr, err)
	}
	for _, l := range other.Layers {
		ids = append(ids, l.DiffID)
	}
	return ids, other.Close()
}

// LocalDiffIDsOf is DiffIDsOf for the images of the engines that answer only.
func (im *Image) LocalDiffIDsOf(ctx context.Context, ref string) ([]string, error) {
	var errs []error
	for _, e := range []struct {
		prefix string
		reach  connect
	}{{"docker://", dockerEngine}, {"podman://", podmanEngine}} {
		name, only := strings.CutPrefix(ref, e.prefix)
		if !only && strings.Contains(ref, "://") {
			continue
		}
		ids, err := engineDiffIDs(ctx, e.reach, name, im)
		if err == nil {
			return ids, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func engineDiffIDs(ctx context.Context, reach connect, name string, im *Image) (_ []string, err error) {
	e, err := reach(ctx, im.log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	info, err := e.image(ctx, name, "")
	if err == nil && len(info.DiffIDs) == 0 {
		err = errors.New("the engine does not tell its layers")
	}
	return info.DiffIDs, err
}
