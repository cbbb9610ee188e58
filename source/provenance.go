package source

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A Provenance says where an image's layers come from. It is BuildKit's
// attestation of mode "max", listed in the index next to the image. Sources:
// BuildKit's docs/attestations (attestation-storage.md, slsa-definitions.md)
// and the types of its package solver/llbsolver/provenance/types.
type Provenance struct {
	Files []BuildFile
	Lines []BuildLines // for each layer, lowest first; the zero value if unknown
}

// A BuildFile is a file that the image was built from, most often the
// Dockerfile.
type BuildFile struct {
	Name string // as named in the build
	Text []byte // nil if the attestation does not include it
}

// BuildLines are the lines of the build step that made a layer.
type BuildLines struct {
	File        int // index in Provenance.Files
	First, Last int // 1-based; 0 if unknown
}

// The predicate types of BuildKit's in-toto statements.
const (
	provenancePredicate02 = "https://slsa.dev/provenance/v0.2"
	provenancePredicate1  = "https://slsa.dev/provenance/v1"
	inTotoType            = "application/vnd.in-toto+json"
	attestationManifest   = "attestation-manifest"
	attestedDigest        = "vnd.docker.reference.digest"
)

// Limits on the work for an attestation. BuildKit's have one chain for each step, and each chain
// lists every layer below.
const (
	maxAttestations = 64 // for one image
	maxChains       = 20_000
)

// provenanceOf reads the attestations of im and returns the first one with
// provenance, or nil. It ignores malformed and missing ones: an image is
// complete without.
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

// statement is the part of an in-toto statement with SLSA provenance that says where layers come
// from. Version 1 uses two names for BuildKit's own metadata.
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

// buildkitMetadata maps steps ("step4") to places in files, and their results ("step4:0") to
// chains of layers, lowest first.
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

// location is a range of lines in one file, 1-based.
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

var errNoProvenance = errors.New("an attestation that does not say where layers come from")

// parseProvenance parses a statement about im.
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

// steps finds the step that made each layer, "" if unknown. It prefers results
// that consist of the image's lowest layers, and takes the shortest one that
// contains the layer. Otherwise it takes a result that ends in the layer, such
// as that of COPY --link, which is placed on top of existing layers.
func (m *buildkitMetadata) steps(layers []*Layer) []string {
	steps := make([]string, len(layers))
	lengths := make([]int, len(layers)) // lengths of their chains; 0: none yet
	ends := map[string]string{}         // steps by the last digest of their chain
	count := 0
	for result, chains := range m.Layers {
		step, _, _ := strings.Cut(result, ":")
		for _, chain := range chains {
			if count++; count > maxChains || len(chain) == 0 {
				continue
			}
			last := chain[len(chain)-1].Digest
			if other, ok := ends[last]; ok && other != step {
				ends[last] = "" // two steps: ambiguous
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

// earlier compares steps by number: a step has a higher number than the steps it builds on.
func earlier(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// lines returns the place of a step, or nothing if it has several.
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
