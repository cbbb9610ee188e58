package source

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/peelhq/peel/source/layer"
)

// An Arrived is a layer that has been read from a stream. Its place in the image may be unknown
// until the stream ends, because the manifest may come last.
type Arrived struct {
	Number  int     // index in the image; -1 while unknown
	Entries int     // tar members
	Bytes   int64   // of content
	Largest []Share // the largest names at the root, largest first, at most 3; nil if there are too many names
}

// A Share is one name at the root of a layer and the bytes of content at or below it.
type Share struct {
	Name  string // as stored, without slashes; may hold any other bytes
	Bytes int64
}

const (
	// maxArrived is the maximum number of layers in Progress.Arrived; the latest ones are kept.
	maxArrived = 100
	// maxShares is the maximum number of names at a layer's root that are added up.
	maxShares = 4096
	// mostShares is the maximum length of Arrived.Largest.
	mostShares = 3
)

// arrivals are the layers of a stream read so far, and what is known about their order.
type arrivals struct {
	list    []Arrived
	keys    [][2]string    // for each layer, its member's name and its digest ("" if unknown)
	numbers map[string]int // layer index by either key
	several bool           // the stream holds several images, so a layer has more than one index
	settled bool           // ignore OCI manifests: an engine or manifest.json decides
	oci     bool           // an OCI manifest of an image has been read
}

// ordered takes the order of the layers, as diffIDs, from an engine. It does nothing if the
// engine does not report them.
func (a *arrivals) ordered(diffIDs []string) {
	if len(diffIDs) > 0 {
		a.settled = true
		a.number(diffIDs)
	}
}

// number sets the indexes of layers by the names of their members or by their digests. If an
// image lists a layer twice, the lower index counts.
func (a *arrivals) number(layers []string) {
	a.numbers = make(map[string]int, len(layers))
	for i, name := range slices.Backward(layers) {
		a.numbers[name] = i
	}
	for i := range a.list {
		a.list[i].Number = a.numberOf(a.keys[i])
	}
}

func (a *arrivals) numberOf(keys [2]string) int {
	for _, key := range keys {
		if i, ok := a.numbers[key]; ok && key != "" && !a.several {
			return i
		}
	}
	return -1
}

// layer adds a layer.
func (a *arrivals) layer(name string, e *Entries) {
	keys := [2]string{name, digestNamed(name)}
	came := Arrived{Number: a.numberOf(keys), Entries: e.Len()}
	came.Bytes, came.Largest = shares(e)
	if len(a.list) == maxArrived {
		a.list, a.keys = a.list[1:], a.keys[1:]
	}
	a.list, a.keys = append(a.list, came), append(a.keys, keys)
}

// document inspects a document that may be a manifest. It does not validate it; that happens at
// the end of the stream.
func (a *arrivals) document(name string, text []byte) (news bool) {
	if name == dockerManifestName {
		images, err := parseDockerManifests(text)
		if err != nil {
			return false
		}
		a.several = len(images) != 1
		if a.settled = true; !a.several {
			layers := make([]string, len(images[0].Layers))
			for i, l := range images[0].Layers {
				layers[i] = memberName(l)
			}
			a.number(layers)
			return true
		}
	} else {
		var m ocispec.Manifest
		if a.settled || !isManifest(text) || json.Unmarshal(text, &m) != nil || len(m.Layers) == 0 || isStatement(m.Layers[0]) {
			return false
		}
		a.several = a.several || a.oci
		if a.oci = true; !a.several {
			layers := make([]string, len(m.Layers))
			for i, l := range m.Layers {
				layers[i] = l.Digest.String()
			}
			a.number(layers)
			return true
		}
	}
	a.number(nil)
	return true
}

// isStatement reports whether a layer belongs to an attestation.
func isStatement(d ocispec.Descriptor) bool {
	return strings.HasPrefix(d.MediaType, "application/vnd.in-toto")
}

// shares adds up the content of a layer and finds its largest names.
func shares(e *Entries) (bytes int64, largest []Share) {
	sums := map[string]int64{}
	for i := range e.Len() {
		if e.Type(i) != File {
			continue
		}
		n := e.Stored(i)
		bytes += n
		name := rootOf(e.DirBytes(e.Dir(i)), e.Base(i))
		if _, known := sums[string(name)]; known || len(sums) <= maxShares {
			sums[string(name)] += n
		}
	}
	if len(sums) > maxShares {
		return bytes, nil
	}
	for name, n := range maps.All(sums) {
		if n > 0 {
			largest = append(largest, Share{name, n})
		}
	}
	slices.SortFunc(largest, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	return bytes, largest[:min(len(largest), mostShares)]
}

// rootOf returns the first component of a path that is neither "." nor empty.
func rootOf(dir, base []byte) []byte {
	for len(dir) > 0 {
		name, rest, _ := bytes.Cut(dir, []byte("/"))
		if len(name) > 0 && string(name) != "." {
			return name
		}
		dir = rest
	}
	return base
}

// layerCame records a layer that has been read from a stream.
func (m *meter) layerCame(name string, p *layer.Passed) {
	m.layerDone()
	if m == nil || m.arrivals == nil {
		return
	}
	if e := p.Entries(); e.Len() > 0 {
		m.arrivals.layer(name, e)
		m.tellArrived()
	}
}

// documentCame inspects a document read from a stream.
func (m *meter) documentCame(name string, text []byte) {
	if m != nil && m.arrivals != nil && m.arrivals.document(name, text) {
		m.tellArrived()
	}
}

func (m *meter) tellArrived() {
	list := slices.Clone(m.arrivals.list) // the receiver keeps it
	m.update(true, func(p *Progress) { p.Arrived = list })
}
