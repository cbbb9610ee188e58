package fleet

import "time"

// PlanVersion is the version of a plan's form.
const PlanVersion = 1

// A plan is NDJSON: lines of JSON, each with a "type". The first is its PlanHeader. Then come all
// images, sorted by reference and platform, all unique layers, sorted by digest, and its PlanEnd.
// Unknown values are left out.
type (
	// A PlanHeader says what a plan contains.
	PlanHeader struct {
		Type    string    `json:"type"`    // "plan"
		Version int       `json:"version"` // PlanVersion
		Made    time.Time `json:"made"`    // when peel began to make it
		Sources []string  `json:"sources"` // as given
		Choice  Choice    `json:"choice"`  // which images to take
	}

	// A Choice says which images of a source to take.
	Choice struct {
		Platform string    `json:"platform,omitempty"` // of a multi-platform image; "all": every one; "": the host's, or the only one
		Tags     string    `json:"tags,omitempty"`     // glob that tags match
		Newest   int       `json:"newest,omitempty"`   // maximum number for a repository, the newest ones; 0: all
		Since    time.Time `json:"since,omitzero"`     // leave out older images
	}

	// A PlanImage is one image for one platform, or one that can't be read.
	PlanImage struct {
		Type       string            `json:"type"`      // "image"
		Image      int64             `json:"image"`     // number in the plan, 0-based
		Reference  string            `json:"reference"` // opens exactly this image, if its source has digests
		Name       string            `json:"name"`      // for people
		Repository string            `json:"repository,omitempty"`
		Tag        string            `json:"tag,omitempty"`
		Digest     string            `json:"digest,omitempty"` // of the manifest
		ID         string            `json:"id,omitempty"`     // of the config
		Platform   string            `json:"platform,omitempty"`
		Created    time.Time         `json:"created,omitzero"`
		Labels     map[string]string `json:"labels,omitempty"`
		Layers     []string          `json:"layers,omitempty"` // keys, lowest first
		Error      string            `json:"error,omitempty"`  // why peel can't read it
	}

	// A PlanLayer is one unique layer. Its key is the digest of its blob or, if the source doesn't
	// have that, of its uncompressed tar.
	PlanLayer struct {
		Type      string `json:"type"`                // "layer"
		Layer     string `json:"layer"`               // key
		Bytes     int64  `json:"bytes"`               // of the blob as stored; 0 if unknown
		MediaType string `json:"mediaType,omitempty"` // as the manifest says
		DiffID    string `json:"diffId,omitempty"`
		Images    int64  `json:"images"` // number of images that have it
		First     int64  `json:"first"`  // the first image that has it; From is that
		From      string `json:"from"`   // reference of the image to get it from
		Platform  string `json:"platform,omitempty"`
		Index     int    `json:"index"` // of the layer in that image, 0-based
	}

	// A PlanEnd is the last line: a plan without it is incomplete.
	PlanEnd struct {
		Type       string `json:"type"` // "end"
		Images     int64  `json:"images"`
		Unreadable int64  `json:"unreadable"` // of the images
		Layers     int64  `json:"layers"`
		Bytes      int64  `json:"bytes"` // of the unique layers
	}
)
