package analyze

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/redact"
	"github.com/peelhq/peel/source"
)

// currentTime is the time limit for a registry to resolve a tag.
const currentTime = 30 * time.Second

// A baseTag is what base-current looks up in a registry.
type baseTag struct {
	name    string // name of an image, with a tag and without a digest; or dockerfile.Scratch
	pinned  bool   // the tag was combined with a digest
	trusted bool   // the user named it, not the image
	layers  int    // number of layers that the image is known to share with it; -1 if unknown
}

// baseCurrent requires that the tag of the base image still refers to the base of this image.
func baseCurrent(ctx context.Context, c *checker, _ onOff) (verdict, error) {
	v := verdict{limit: "current"}
	tag, missing := c.baseTag()
	switch {
	case missing != "":
		v.unknown = missing
		v.try = "Name the Dockerfile with --dockerfile, or the base image with --base; or let the build write the label " + baseNameAnnotation + "."
		return v, nil
	case tag.name == dockerfile.Scratch:
		v.value, v.message = "none", "the image has no base image: it is built FROM scratch"
		return v, nil
	}
	short, cancel := context.WithTimeout(ctx, currentTime)
	defer cancel()
	ids, err := c.a.Image.TagDiffIDsOf(short, tag.name, tag.trusted)
	if ctx.Err() != nil {
		return v, ctx.Err()
	}
	n := common(c.a.Image, ids)
	switch {
	case err != nil:
		v.unknown = redact.Text(fmt.Sprintf("%s cannot be looked up: %v", tag.name, err))
		v.try = "A registry that the image itself names is asked only if it is well known or the image came from it: name the base image with --base, or the Dockerfile with --dockerfile. Check that the registry answers and lets you read the image."
	case len(ids) == 0:
		v.unknown = tag.name + " doesn't list its layers"
	case n < min(len(ids), len(c.a.Image.Layers)) && c.a.Image.Layers[n].DiffID == "":
		v.unknown = "the digests of the image's layers are unknown"
	default:
		v.hold(tag, len(ids), n)
	}
	return v, nil
}

// hold sets the verdict for a tag that now has this many layers, of which the image shares the
// first same ones.
func (v *verdict) hold(tag baseTag, now, same int) {
	v.value, v.message = "current", fmt.Sprintf("%s still has the layers that the image was built on", tag.name)
	var differ string
	switch {
	case same < now:
		differ = fmt.Sprintf("%s of the %s that %s has now %s not in the image", human.Comma(now-same), human.Count(now, "layer", "layers"), tag.name, pick(now-same == 1, "is", "are"))
	case now < tag.layers:
		differ = fmt.Sprintf("the image was built on %s, and %s has %s now", human.Count(tag.layers, "layer", "layers"), tag.name, human.Comma(now))
	default:
		return
	}
	v.failed, v.value, v.title = true, "outdated", "Base image is outdated"
	v.message = "the base image is outdated: " + differ
	v.advice = strings.ToUpper(differ[:1]) + differ[1:] + ": "
	if tag.pinned {
		v.advice += "the base image is pinned by its digest, so write the tag's new digest, and rebuild the image."
	} else {
		v.advice += "rebuild the image with --pull, which fetches the base image anew."
	}
}

// baseTag returns the tag to look up, or why there is none. The user's word takes precedence over
// the image's.
func (c *checker) baseTag() (_ baseTag, missing string) {
	base, im := &c.a.Base, c.a.Image
	tag, name, by := baseTag{layers: -1}, "", BaseDefault
	fromFile, annotated := "", annotatedTag(im)
	if c.file != nil {
		fromFile = c.file.Base(im.Platform)
	}
	switch asked := askedName(base.asked); {
	case asked != "":
		name, by, tag.trusted = asked, BaseAsked, true
	case base.By == BaseDockerfile:
		name, by, tag.trusted = base.Name, BaseDockerfile, true
	case fromFile != "":
		name, tag.trusted = fromFile, true
	case annotated != "":
		name, by = annotated, BaseAnnotations
	case base.By == BaseHistory:
		name = base.Name // from Buildah's comment
	}
	if base.Sure && base.By == by {
		tag.layers = base.Layers
	}
	switch {
	case name == dockerfile.Scratch && tag.trusted:
		tag.name = name
		return tag, ""
	case name == "" && base.By == BaseImage:
		return tag, fmt.Sprintf("nothing names the base image: %s has its layers, but the image may have been built on another", base.Name)
	case name == "" && base.Missing != "":
		return tag, base.Missing
	case name == "":
		return tag, "nothing names the base image"
	case !source.IsImageName(name):
		return tag, fmt.Sprintf("the base image %s is not the name of an image in a registry", name)
	}
	bare, digest, pinned := strings.Cut(name, "@")
	tag.name, tag.pinned = bare, pinned && tag.trusted
	if pinned && strings.LastIndexByte(bare, ':') <= strings.LastIndexByte(bare, '/') {
		return tag, fmt.Sprintf("the base image is named by a digest alone, without a tag: %s@%s", bare, digest)
	}
	return tag, ""
}

// annotatedTag returns the name of the base in the image's annotations, or in its labels, which
// may be inherited from the base; "" if it is not an image name in a registry.
func annotatedTag(im *source.Image) string {
	for _, from := range []map[string]string{im.Annotations, im.Config.Labels} {
		if name := from[baseNameAnnotation]; name != "" && source.IsImageName(name) {
			return name
		}
	}
	return ""
}

// askedName returns the requested base if it is an image name in a registry, not a digest or a
// file.
func askedName(asked string) string {
	name := strings.TrimPrefix(asked, "registry://")
	if name == "" || strings.HasPrefix(name, "sha256:") || !source.IsImageName(name) {
		return ""
	}
	if source.IsFile(asked) {
		return ""
	}
	return name
}
