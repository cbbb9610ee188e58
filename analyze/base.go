package analyze

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/peelhq/peel/source"
)

// The annotations that name an image's base.
// Source: OCI image-spec, annotations.md.
const (
	baseNameAnnotation   = "org.opencontainers.image.base.name"
	baseDigestAnnotation = "org.opencontainers.image.base.digest"
)

// baseLayers returns how many of im's layers are its base image's, as asked for
// (see Options.Base), or by the image's own word, or else one.
func baseLayers(ctx context.Context, im *source.Image, asked string) (int, error) {
	if asked == "" {
		return annotatedBase(ctx, im), nil
	}
	if n, err := strconv.Atoi(asked); err == nil {
		if n < 0 || n > len(im.Layers) {
			return 0, fmt.Errorf("base of %d layers: the image has %d", n, len(im.Layers))
		}
		return n, nil
	}
	if strings.HasPrefix(asked, "sha256:") {
		for i, l := range im.Layers {
			if asked == l.DiffID || asked == l.Digest {
				return i + 1, nil
			}
		}
	}
	ids, err := im.DiffIDsOf(ctx, asked)
	if err != nil {
		return 0, fmt.Errorf("base %s: %w", asked, err)
	}
	if i := common(im, ids); i < len(ids) {
		return 0, fmt.Errorf("base %s: it has %d layers, and the image shares but the first %d of them", asked, len(ids), i)
	}
	return len(ids), nil
}

// annotatedBase goes by the image's annotations and labels, where an engine on
// this machine has the base that they name.
func annotatedBase(ctx context.Context, im *source.Image) int {
	guess := min(1, len(im.Layers))
	for _, from := range []map[string]string{im.Annotations, im.Config.Labels} {
		name, digest := from[baseNameAnnotation], from[baseDigestAnnotation]
		for _, ref := range []string{withDigest(name, digest), name} {
			if ref == "" {
				continue
			}
			ids, err := im.LocalDiffIDsOf(ctx, ref)
			if err == nil && len(ids) > 0 && common(im, ids) == len(ids) {
				return len(ids)
			}
		}
	}
	return guess
}

func withDigest(name, digest string) string {
	if name == "" || digest == "" {
		return ""
	}
	name, _, _ = strings.Cut(name, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name = name[:colon]
	}
	return name + "@" + digest
}

// common returns how many layers of im are those that ids name, from the lowest.
func common(im *source.Image, ids []string) int {
	n := 0
	for n < len(ids) && n < len(im.Layers) && ids[n] != "" && ids[n] == im.Layers[n].DiffID {
		n++
	}
	return n
}
