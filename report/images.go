package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// localRow is one image that is on this machine; see docs/images.schema.json.
type localRow struct {
	Engine   *quoted `json:"engine"`
	File     *quoted `json:"file"`
	Name     *quoted `json:"name"`
	ID       *quoted `json:"id"`
	Size     *int64  `json:"size"`
	Created  *string `json:"created"`
	Layers   *int    `json:"layers"`
	Platform *quoted `json:"platform"`

	Container bool    `json:"container"`
	Image     *quoted `json:"image"`
	State     *quoted `json:"state"`

	Ref quoted `json:"ref"`
}

// ImageJSON writes a local image as one JSON object and a newline. Unknown values are null.
func ImageJSON(w io.Writer, im *source.LocalImage) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(localRow{
		Engine: known(im.Engine), File: known(im.File), Name: known(im.Name), ID: known(im.ID),
		Size: knownInt(im.Size), Created: stamp(im.Created), Layers: knownInt(im.Layers),
		Platform: known(im.Platform), Container: im.Container, Image: known(im.Image), State: known(im.State),
		Ref: quoted(im.Ref),
	})
}

// maxNameColumns is the maximum width of the column of names.
const maxNameColumns = 40

// Images writes a table of images for people, in the given order: name, size, layers, age at the
// moment now, platform, and reference; for tags in a registry also the first 12 digits of the
// digest. "-" means unknown. Lines are as wide as the references need.
func Images(w io.Writer, images []source.LocalImage, now time.Time) error {
	wide, platforms, remote := width("NAME"), width("PLATFORM"), false
	for i := range images {
		wide = min(max(wide, width(localName(&images[i]))), maxNameColumns)
		platforms = max(platforms, width(clean.Line(images[i].Platform)))
		remote = remote || isRemote(&images[i])
	}
	var b strings.Builder
	row := func(name, digest, size, layers, age, platform, ref string) {
		platform = pad(platform, platforms)
		if remote {
			platform += "  " + pad(digest, shortDigest)
		}
		fmt.Fprintf(&b, "%s  %7s  %6s  %9s  %s  %s\n", pad(cut(name, wide), wide), size, layers, age, platform, ref)
	}
	row("NAME", "DIGEST", "SIZE", "LAYERS", "AGE", "PLATFORM", "OPEN AS")
	for i := range images {
		im := &images[i]
		size, layers := "-", "-"
		if im.Size >= 0 {
			size = human.Size(im.Size)
		}
		if im.Layers >= 0 {
			layers = strconv.Itoa(im.Layers)
		}
		row(localName(im), digestOf(im), size, layers, human.Age(now, im.Created), cmp.Or(clean.Line(im.Platform), "-"), clean.Text(im.Ref))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Containers writes a table of containers for people, in the given order: name, image, state,
// size of its own layer, age at the moment now, and reference. "-" means unknown. Lines are as
// wide as the references need.
func Containers(w io.Writer, containers []source.LocalImage, now time.Time) error {
	wide, image, state := width("NAME"), width("IMAGE"), width("STATE")
	for i := range containers {
		c := &containers[i]
		wide = min(max(wide, width(localName(c))), maxNameColumns)
		image = min(max(image, width(clean.Line(c.Image))), maxNameColumns)
		state = min(max(state, width(clean.Line(c.State))), maxNameColumns)
	}
	var b strings.Builder
	row := func(name, of, is, size, age, ref string) {
		fmt.Fprintf(&b, "%s  %s  %s  %7s  %9s  %s\n", pad(cut(name, wide), wide), pad(cut(of, image), image), pad(cut(is, state), state), size, age, ref)
	}
	row("NAME", "IMAGE", "STATE", "SIZE", "AGE", "OPEN AS")
	for i := range containers {
		c := &containers[i]
		size := "-"
		if c.Size >= 0 {
			size = human.Size(c.Size)
		}
		row(localName(c), cmp.Or(clean.Line(c.Image), "-"), cmp.Or(clean.Line(c.State), "-"), size, human.Age(now, c.Created), clean.Text(c.Ref))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shortDigest is the number of digits of a digest in a table.
const shortDigest = 12

// isRemote reports whether an image is in a registry.
func isRemote(im *source.LocalImage) bool { return im.Engine == "" && im.File == "" }

// digestOf returns the first digits of the digest that a tag in a registry stands for.
func digestOf(im *source.LocalImage) string {
	_, digits, _ := strings.Cut(clean.Line(im.ID), ":")
	if !isRemote(im) || digits == "" {
		return "-"
	}
	return digits[:min(len(digits), shortDigest)]
}

func localName(im *source.LocalImage) string {
	return cmp.Or(clean.Line(im.Name), clean.Text(im.File), "-")
}
