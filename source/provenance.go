package source

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A Provenance is what BuildKit attested of where an image's layers come from:
// its attestation of mode "max", which an index lists beside the image.
// Sources: BuildKit's docs/attestations (attestation-storage.md,
// slsa-definitions.md) and the types of its package
// solver/llbsolver/provenance/types.
type Provenance struct {
	Files []BuildFile
	Lines []BuildLines // of each layer, lowest first; the zero value where nothing is said
}

// A BuildFile is a file that the image was built from, most often the
// Dockerfile.
type BuildFile struct {
	Name string // as the build named it
	Text []byte // nil if the attestation does not hold it
}

// BuildLines are where in a file the step stands that made a layer.
type BuildLines struct {
	File        int // index in Provenance.Files
	First, Last int // lines from 1; 0: nothing is said
}

// The predicates of in-toto statements that BuildKit writes.
const (
	provenancePredicate02 = "https://slsa.dev/provenance/v0.2"
	provenancePredicate1  = "https://slsa.dev/provenance/v1"
	inTotoType            = "application/vnd.in-toto+json"
	attestationManifest   = "attestation-manifest"
	attestedDigest        = "vnd.docker.reference.digest"
)

// Bounds on what an attestation may make peel do. BuildKit's have a chain for
// each step, and in it every layer below.
const (
	maxAttestations = 64 // of one image
	maxChains       = 20_000
)

// provenanceOf reads the attestations that are said to be of im, and returns the
// first that is its provenance; nil if there is none. What is malformed or not
// there says nothing: an image is the same without.
func provenanceOf(ctx context.Context, b bundle, im *Image, attestations []ocispec.Descriptor) *Provenance {
	docs := &documents{b: b}
	for _, d := range attestations[:min(len(attestations), maxAttestations)] {
		text, err := docs.blob(ctx, d)
		if err != nil {
			continue
		}
		m, err := parseManifest(text)
		if err != nil {
			continue
		}
		for _, l := range m.Layers[:min(len(m.Layers), maxAttestations)] {
			predicate := l.Annotations["in-toto.io/predicate-type"]
			if l.MediaType != inTotoType || predicate != "" && predicate != provenancePredicate02 && predicate != provenancePredicate1 {
				continue
			}
			statement, err := docs.blob(ctx, l)
			if err != nil {
				continue
			}
			if p, err := parseProvenance(statement, im); err == nil {
				return p
			}
		}
	}
	return nil
}

// statement is an in-toto statement of SLSA provenance, as far as it tells where
// layers come from. Version 1 has had two names for BuildKit's own metadata.
type statement struct {
	PredicateType string `json:"predicateType"`
	Subject       []struct {
		Digest map[string]string `json:"digest"`
	} `json:"subject"`
	Predicate struct {
		Metadata struct {
			BuildKit *buildkitMetadata `json:"https://mobyproject.org/buildkit@v1#metadata"`
		} `json:"metadata"`
		RunDetails struct {
			Metadata struct {
				BuildKit *buildkitMetadata `json:"buildkit_metadata"`
				Former   *buildkitMetadata `json:"https://mobyproject.org/buildkit@v1#metadata"`
			} `json:"metadata"`
		} `json:"runDetails"`
	} `json:"predicate"`
}

// buildkitMetadata maps steps ("step4") to places in files, and their results
// ("step4:0") to chains of layers, lowest first.
type buildkitMetadata struct {
	Source struct {
		Locations map[string]struct {
			Locations []location `json:"locations"`
		} `json:"locations"`
		Infos []struct {
			Filename string `json:"filename"`
			Data     []byte `json:"data"`
		} `json:"infos"`
	} `json:"source"`
	Layers map[string][][]struct {
		Digest string `json:"digest"`
	} `json:"layers"`
}

// location is lines of one file, from 1.
type location struct {
	File   int `json:"sourceIndex"`
	Ranges []struct {
		Start linePosition `json:"start"`
		End   linePosition `json:"end"`
	} `json:"ranges"`
}

type linePosition struct {
	Line int `json:"line"`
}

var errNoProvenance = errors.New("an attestation that does not tell where layers come from")

// parseProvenance reads a statement that is to be of im.
func parseProvenance(text []byte, im *Image) (*Provenance, error) {
	var s statement
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, err
	}
	var meta *buildkitMetadata
	switch s.PredicateType {
	case provenancePredicate02:
		meta = s.Predicate.Metadata.BuildKit
	case provenancePredicate1:
		if meta = s.Predicate.RunDetails.Metadata.BuildKit; meta == nil {
			meta = s.Predicate.RunDetails.Metadata.Former
		}
	}
	if meta == nil || len(meta.Source.Infos) == 0 || !s.about(im.Digest) {
		return nil, errNoProvenance
	}
	p := &Provenance{Lines: make([]BuildLines, len(im.Layers))}
	for _, info := range meta.Source.Infos {
		p.Files = append(p.Files, BuildFile{Name: info.Filename, Text: info.Data})
	}
	for i, step := range meta.steps(im.Layers) {
		p.Lines[i] = meta.lines(step)
	}
	return p, nil
}

// about reports whether a manifest is among the statement's subjects.
func (s *statement) about(digest string) bool {
	for _, subject := range s.Subject {
		for algorithm, hex := range subject.Digest {
			if algorithm+":"+hex == digest {
				return true
			}
		}
	}
	return false
}

// steps finds the step that made each layer, "" where none is said to have: of
// the results whose layers are the image's from the lowest on, the shortest that
// has the layer; else a result that ends in it, as that of COPY --link does,
// which is put on top of what there is.
func (m *buildkitMetadata) steps(layers []*Layer) []string {
	steps := make([]string, len(layers))
	lengths := make([]int, len(layers)) // of the chains that they are of; 0: none yet
	ends := map[string]string{}         // steps by the digest that a chain of theirs ends in
	count := 0
	for result, chains := range m.Layers {
		step, _, _ := strings.Cut(result, ":")
		for _, chain := range chains {
			if count++; count > maxChains || len(chain) == 0 {
				continue
			}
			last := chain[len(chain)-1].Digest
			if other, ok := ends[last]; ok && other != step {
				ends[last] = "" // of two steps: it tells nothing
			} else if !ok {
				ends[last] = step
			}
			common := 0
			for common < min(len(chain), len(layers)) && chain[common].Digest == layers[common].Digest {
				common++
			}
			if common < len(chain) {
				continue
			}
			for i := common - 1; i >= 0; i-- {
				if shorter := lengths[i] == 0 || common < lengths[i]; !shorter && (common > lengths[i] || !earlier(step, steps[i])) {
					continue
				}
				steps[i], lengths[i] = step, common
			}
		}
	}
	for i, l := range layers {
		if lengths[i] != i+1 && ends[l.Digest] != "" {
			steps[i] = ends[l.Digest]
		}
	}
	return steps
}

// earlier compares steps by their numbers: what a step is made from is before it.
func earlier(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// lines returns where a step stands; nothing if it stands in several places.
func (m *buildkitMetadata) lines(step string) BuildLines {
	at := m.Source.Locations[step].Locations
	if len(at) != 1 || at[0].File < 0 || at[0].File >= len(m.Source.Infos) {
		return BuildLines{}
	}
	lines := BuildLines{File: at[0].File}
	for _, r := range at[0].Ranges {
		if r.Start.Line < 1 || r.End.Line < r.Start.Line {
			return BuildLines{}
		}
		if lines.First == 0 || r.Start.Line < lines.First {
			lines.First = r.Start.Line
		}
		lines.Last = max(lines.Last, r.End.Line)
	}
	return lines
}
