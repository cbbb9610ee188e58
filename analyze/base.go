package analyze

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/redact"
	"github.com/peelhq/peel/source"
)

// A Base says which layers belong to the base image and how that was found out. The layers above
// are the image's own: its author can change them.
type Base struct {
	Layers int    // number of lowest layers
	Name   string // of the base image: as requested, or as the source of the information names it; "" if unknown
	By     BaseBy
	Sure   bool // it was requested, or its layers were compared with a base that the build names

	// Missing is why the requested base could not be found; "" if it was found or none was
	// requested. Layers is then what could be detected without it.
	Missing string

	asked string // requested name or digest, or ""
}

// BaseBy is how the base was detected.
type BaseBy uint8

// The methods, in the order in which they are tried. The first that succeeds counts.
const (
	BaseDefault     BaseBy = iota // no information: the lowest layer counts as the base
	BaseAsked                     // by Options.Base
	BaseAnnotations               // the image's annotations or labels, and the layers of the image that they name
	BaseDockerfile                // the Dockerfile, and the layers of the image in its last FROM; if that image is not available, its steps, which is not sure
	BaseImage                     // an image on this machine that consists of the lowest layers
	BaseHistory                   // the steps in the image's history
)

var baseWords = [...]string{"default", "asked", "annotations", "dockerfile", "image", "history"}

// String returns a word: "annotations".
func (b BaseBy) String() string { return baseWords[b] }

// Text describes the base in one line, with how it was detected: "python:3.12, 9 layers, by the
// image's annotations". Names are raw.
func (b Base) Text() string {
	layers := human.Count(b.Layers, "layer", "layers")
	if b.Layers == 0 {
		layers = "no layers"
	}
	if b.Name != "" {
		layers = b.Name + ", " + layers
	}
	switch b.By {
	case BaseAsked:
		return layers + ", as asked for"
	case BaseAnnotations:
		return layers + ", by the image's annotations"
	case BaseDockerfile:
		if !b.Sure {
			return layers + ", likely, by the Dockerfile's steps"
		}
		return layers + ", by the Dockerfile"
	case BaseImage:
		return layers + ", likely: an image on this machine has these layers"
	case BaseHistory:
		return layers + ", likely, from the history"
	case BaseDefault:
	}
	return layers + ", a guess: nothing says what the image was built on"
}

// vouched returns how many of the lowest layers are exempt from security rules for own layers:
// layers of another image, or layers that the user named. The image's own claims exempt nothing.
func (b Base) vouched() int {
	if b.By == BaseHistory || b.By == BaseDefault {
		return 0
	}
	return b.Layers
}

// The annotations that name the base of an image. Source: OCI image-spec, annotations.md.
const (
	baseNameAnnotation   = "org.opencontainers.image.base.name"
	baseDigestAnnotation = "org.opencontainers.image.base.digest"
)

// A BaseSearch says where to look for an image's base.
type BaseSearch uint8

// The places. Each includes those before it.
const (
	SearchImage      BaseSearch = iota // only in the image itself
	SearchEngines                      // also in engines and the cache of this machine
	SearchRegistries                   // also in registries, within the limits of package source
)

// baseAtOnce returns the base as far as the image itself tells it, and whether that is final. It
// fails if the requested number of layers does not exist in the image.
func baseAtOnce(im *source.Image, opts Options) (_ Base, final bool, err error) {
	guess := guessedBase(im, opts.Dockerfiles)
	if opts.Base == "" {
		return guess, opts.Search == SearchImage, nil
	}
	if n, err := strconv.Atoi(opts.Base); err == nil {
		if n < 0 || n > len(im.Layers) {
			return Base{}, true, fmt.Errorf("base of %d layers: the image has %d", n, len(im.Layers))
		}
		return Base{Layers: n, By: BaseAsked, Sure: true}, true, nil
	}
	if opts.Base == dockerfile.Scratch {
		return Base{Name: opts.Base, By: BaseAsked, Sure: true}, true, nil
	}
	if strings.HasPrefix(opts.Base, "sha256:") {
		for i, l := range im.Layers {
			if opts.Base == l.DiffID || opts.Base == l.Digest {
				return Base{Layers: i + 1, By: BaseAsked, Sure: true}, true, nil
			}
		}
	}
	return guess, false, nil
}

// guessedBase returns the base according to the image itself, and the Dockerfile if its steps are
// in the history: the steps below them belong to the base.
func guessedBase(im *source.Image, files []*dockerfile.File) Base {
	for _, d := range files {
		if im.Provenance != nil {
			continue // provenance names lines of the base's layers too
		}
		d, fits := dockerfile.For(im, d)
		if !fits {
			continue
		}
		own := slices.IndexFunc(dockerfile.Lines(im, d), func(l *dockerfile.Line) bool { return l != nil })
		switch name := d.Base(im.Platform); {
		case own == 0 && name == dockerfile.Scratch:
			return Base{Name: name, By: BaseDockerfile, Sure: true}
		case own > 0 && name != dockerfile.Scratch:
			return Base{Layers: own, Name: name, By: BaseDockerfile}
		}
	}
	names := annotatedNames(im)
	b := Base{Layers: min(1, max(len(im.Layers)-1, 0))} // a base is never the whole image
	if startsWithCopy(im.History) {
		b = Base{By: BaseHistory}
	}
	if n, name := historyBase(im.History, len(im.Layers)); n > 0 {
		b = Base{Layers: n, Name: name, By: BaseHistory}
	}
	if b.Name == "" && len(names) > 0 {
		b.Name = names[len(names)-1]
	}
	return b
}

// askedBase looks for the base that was requested by name or digest.
func askedBase(ctx context.Context, im *source.Image, asked string, guess Base) Base {
	ids, err := im.DiffIDsOf(ctx, asked)
	guess.asked = asked
	asked = redact.Text(asked) // an address may contain a password
	switch n := common(im, ids); {
	case err != nil:
		guess.Missing = redact.Text(fmt.Sprintf("the base %s cannot be found: %v", asked, err))
	case len(ids) == 0:
		guess.Missing = fmt.Sprintf("the base %s doesn't list its layers", asked)
	case n == 0:
		guess.Missing = fmt.Sprintf("%s is not the base: the image has none of its layers", asked)
	case n < len(ids):
		guess.Missing = fmt.Sprintf("%s is not the base: of its %s the image has only the first %d", asked, human.Count(len(ids), "layer", "layers"), n)
	default:
		return Base{Layers: n, Name: asked, By: BaseAsked, Sure: true, asked: guess.asked}
	}
	return guess
}

// annotatedNames returns the names of the base in the image's annotations and labels, those with
// a digest first. Only registry names count: an image can't make peel open a file.
func annotatedNames(im *source.Image) []string {
	var out []string
	for _, from := range []map[string]string{im.Annotations, im.Config.Labels} {
		name, digest := from[baseNameAnnotation], from[baseDigestAnnotation]
		for _, ref := range []string{withDigest(name, digest), name} {
			if ref != "" && source.IsImageName(ref) {
				out = append(out, ref)
			}
		}
	}
	return out
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

// common returns how many lowest layers of im are equal to the first ids.
func common(im *source.Image, ids []string) int {
	n := 0
	for n < len(ids) && n < len(im.Layers) && ids[n] != "" && ids[n] == im.Layers[n].DiffID {
		n++
	}
	return n
}
