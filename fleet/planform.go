package fleet

import "time"

// PlanVersion is the version of a plan's form.
const PlanVersion = 1

// A plan is NDJSON: lines of JSON, each with a "type". The first is its PlanHeader, then
// come all images, sorted by reference and platform, then all unique layers, sorted by
// digest, and its PlanEnd. What is not known is left out.
type (
	// A PlanHeader says what a plan is of.
	PlanHeader struct {
		Type    string    `json:"type"`    // "plan"
		Version int       `json:"version"` // PlanVersion
		Made    time.Time `json:"made"`    // when it was begun
		Sources []string  `json:"sources"` // as they were given
		Choice  Choice    `json:"choice"`  // which images to take
	}

	// A Choice says which images of a source are taken.
	Choice struct {
		Platform string    `json:"platform,omitempty"` // of a multi-platform image; "all" for each; "": the host's, else the only one
		Tags     string    `json:"tags,omitempty"`     // glob that tags match
		Newest   int       `json:"newest,omitempty"`   // how many of a repository at most, the newest; 0: all
		Since    time.Time `json:"since,omitzero"`     // older images are left out
	}

	// A PlanImage is one image for one platform, or one that cannot be read.
	PlanImage struct {
		Type       string            `json:"type"`      // "image"
		Image      int64             `json:"image"`     // number in the plan, 0-based
		Reference  string            `json:"reference"` // opens this image and no other, as far as its source has digests
		Name       string            `json:"name"`      // for people
		Repository string            `json:"repository,omitempty"`
		Tag        string            `json:"tag,omitempty"`
		Digest     string            `json:"digest,omitempty"` // of the manifest
		ID         string            `json:"id,omitempty"`     // of the config
		Platform   string            `json:"platform,omitempty"`
		Created    time.Time         `json:"created,omitzero"`
		Labels     map[string]string `json:"labels,omitempty"`
		Layers     []string          `json:"layers,omitempty"` // keys, lowest first
		Error      string            `json:"error,omitempty"`  // why it cannot be read
	}

	// A PlanLayer is one unique layer. Its key is the digest of its blob or, where a source
	// knows none, of its uncompressed tar.
	PlanLayer struct {
		Type      string `json:"type"`                // "layer"
		Layer     string `json:"layer"`               // key
		Bytes     int64  `json:"bytes"`               // of the blob as stored; 0 if that is not known
		MediaType string `json:"mediaType,omitempty"` // as the manifest says
		DiffID    string `json:"diffId,omitempty"`
		Images    int64  `json:"images"` // that have it
		First     int64  `json:"first"`  // the first image that has it; From is that
		From      string `json:"from"`   // reference of the image to get it from
		Platform  string `json:"platform,omitempty"`
		Index     int    `json:"index"` // of the layer in that image, 0-based
	}

	// A PlanEnd is the last line: a plan without it is not whole.
	PlanEnd struct {
		Type       string `json:"type"` // "end"
		Images     int64  `json:"images"`
		Unreadable int64  `json:"unreadable"` // of the images
		Layers     int64  `json:"layers"`
		Bytes      int64  `json:"bytes"` // of the unique layers
	}
)
