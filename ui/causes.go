package ui

import "github.com/peelhq/peel/analyze"

// A causeText explains a cause to the author of an image: why the bytes are dead, and what to do
// about it.
type causeText struct{ why, advice string }

var causeTexts = map[analyze.Cause]causeText{
	analyze.Overwritten: {
		"A higher layer wrote other content at the path; the old content is shipped below it.",
		"Write the file once, in its last form, or change it in the step that makes it.",
	},
	analyze.MetadataCopy: {
		"A higher layer copied the whole file up, only to change its mode, owner, times or extended attributes.",
		"Use COPY --chown or --chmod, or change it in the step that makes it.",
	},
	analyze.SameAgain: {
		"A higher layer wrote exactly the same file again.",
		"Write it once: find which of the two steps does not need to touch it.",
	},
	analyze.Deleted: {
		"A higher layer deleted it, or a directory above it. It still ships, and anyone who has the image can read it.",
		"Delete it in the step that makes it, or make it in a build stage that is not shipped. A secret that was deleted like this is not safe: mount it with RUN --mount=type=secret.",
	},
	analyze.Opaque: {
		"A higher layer emptied a directory above it and filled it again.",
		"Empty and fill the directory in the step that makes it.",
	},
	analyze.Replaced: {
		"The path, or a directory above it, became something of another type.",
		"Give it its final type in the step that makes it.",
	},
	analyze.Duplicate: {
		"The same layer holds the path again later.",
		"The tool that wrote the layer wrote the path twice: only the last one counts.",
	},
}
