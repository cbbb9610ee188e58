package engine

import (
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// saveName returns the name to save an image by. A name with a tag or a digest,
// and a full ID, stay unchanged. A bare name would save every image of that
// repository, so it becomes "latest", unless the engine has matched it as the
// first digits of an ID.
func (im Image) saveName(ref string) string {
	parsed, err := reference.ParseAnyReference(ref)
	if err != nil {
		return ref
	}
	named, ok := parsed.(reference.Named)
	if !ok || !reference.IsNameOnly(named) {
		return ref
	}
	latest := reference.FamiliarString(reference.TagNameOnly(named))
	i := slices.IndexFunc(im.Tags, func(tag string) bool {
		return tag == latest || strings.HasSuffix(tag, "/"+latest)
	})
	if i < 0 {
		return im.ID
	}
	return im.Tags[i]
}

// ArchiveName returns the image's name in the archive that an engine saves for ref, or "".
func (im Image) ArchiveName(ref string) string {
	name := im.saveName(ref)
	parsed, err := reference.ParseAnyReference(name)
	if err != nil {
		return ""
	}
	if _, ok := parsed.(reference.Digested); ok {
		return ""
	}
	tagged, ok := parsed.(reference.NamedTagged)
	if !ok {
		return ""
	}
	return reference.FamiliarString(tagged)
}
