// Package madefleet writes made-up registries of any size as a store of fleets, for benchmarks
// and tests. They are modelled on Docker Hub, of which it is published (Zhao et al., "Large-Scale
// Analysis of the Docker Hub Dataset", IEEE CLUSTER 2019) that 3 % of files are unique, and that
// most layers occur in only one image. The rest is assumed: about nine layers per image; layers
// with a median of 4 MB and a 90th percentile of 63 MB, with 30 files and 7,410 files.
package madefleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/source"
)

// A Fleet is a made-up registry. The same Fleet always has the same rows.
type Fleet struct {
	Images   int
	Seed     uint64
	Files    bool // also write the layers' tables of files
	Packages bool // also write the packages
	Made     time.Time
}

// Properties of a made-up registry.
const (
	teams       = 40
	baseImages  = 30
	imagesARepo = 12
	sharedParts = 10 // one in this many of the layers above the base is shared
	uniqueFiles = 30 // one in this many files is unique
	mostFiles   = 20_000
	packages    = 100 // of a base image
)

// steps are build steps with a fault, whose findings many images have.
var steps = []string{
	"RUN apt-get update && apt-get install -y curl build-essential",
	"RUN pip install -r requirements.txt",
	"RUN npm ci && npm run build",
	"COPY . /srv/app",
	"RUN chown -R app /srv/app",
	"RUN curl -sSL https://example.com/tool.tar.gz | tar xz -C /opt",
	"RUN go build -o /usr/local/bin/app ./...",
	"RUN useradd app",
}

// faults are the findings of these steps, by index: rule, title, advice, path.
var faults = [][4]string{
	{"visible", "Package lists are kept", "delete /var/lib/apt/lists in the same step", "/var/lib/apt/lists"},
	{"visible", "pip's cache is kept", "pip install --no-cache-dir", "/root/.cache/pip"},
	{"visible", "npm's cache is kept", "delete /root/.npm in the same step", "/root/.npm"},
	{"waste", "Files are written twice", "COPY --chown", "/srv/app"},
	{"waste", "Files are copied to change their owner", "COPY --chown", "/srv/app"},
}

// madeLayer is a layer of the registry.
type madeLayer struct {
	digest        string
	bytes, stored int64
	files         int
	images        int64
	first         int64
	from          string
	step          int
	created       time.Time
}

// Write writes the registry's plan and tables to a store, and returns the plan's digest.
func (f *Fleet) Write(ctx context.Context, s source.Objects) (string, error) {
	rng := rand.New(rand.NewPCG(f.Seed, 1))
	m := &making{f: f, rng: rng, ctx: ctx, s: s, layers: map[string]*madeLayer{}}
	m.bases()
	for i := range f.Images {
		m.image(int64(i))
	}
	plan, err := m.plan()
	if err != nil {
		return "", err
	}
	if f.Files {
		for _, l := range m.sorted() {
			if err := m.files(l); err != nil {
				return "", err
			}
		}
	}
	return plan, m.tables(plan)
}

// making is a registry being made.
type making struct {
	f   *Fleet
	rng *rand.Rand
	ctx context.Context
	s   source.Objects

	base   [][]*madeLayer
	shared []*madeLayer
	layers map[string]*madeLayer
	images [][]*madeLayer // layers of each image, lowest first
}

// digest is a made-up digest.
func digest(words ...any) string {
	sum := sha256.Sum256(fmt.Append(nil, words...))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// logNormal returns a random size from a distribution with this median, in which nine in ten
// sizes are below high.
func (m *making) logNormal(median, high float64) float64 {
	const tenth = 1.2816 // a tenth lies more than this many standard deviations above the median
	return median * math.Exp(m.rng.NormFloat64()*math.Log(high/median)/tenth)
}

func (m *making) newLayer(name string, step int) *madeLayer {
	l := &madeLayer{digest: digest(m.f.Seed, " ", name), step: step}
	l.bytes = int64(m.logNormal(4e6, 63e6))
	l.stored = int64(float64(l.bytes) * (1.5 + 2*m.rng.Float64()))
	l.files = min(mostFiles, int(m.logNormal(30, 7410)))
	l.created = m.f.Made.AddDate(0, 0, -int(m.logNormal(90, 700)))
	return l
}

// bases makes the base images, of up to four layers each, in editions.
func (m *making) bases() {
	for i := range baseImages {
		var layers []*madeLayer
		for j := range 1 + m.rng.IntN(4) {
			layers = append(layers, m.newLayer(fmt.Sprint("base", i, " ", j), -1))
		}
		m.base = append(m.base, layers)
	}
}

func (m *making) image(i int64) {
	// A few bases are used by most images.
	base := int(math.Min(baseImages-1, m.rng.ExpFloat64()*baseImages/6))
	layers := slices.Clone(m.base[base])
	for j := range 1 + int(m.logNormal(4, 12)) {
		switch {
		case len(m.shared) > 0 && m.rng.IntN(sharedParts) == 0:
			layers = append(layers, m.shared[m.rng.IntN(len(m.shared))])
		default:
			l := m.newLayer(fmt.Sprint("image", i, " ", j), m.rng.IntN(len(steps)))
			if layers = append(layers, l); m.rng.IntN(sharedParts) == 0 {
				m.shared = append(m.shared, l)
			}
		}
	}
	layers = slices.CompactFunc(layers, func(a, b *madeLayer) bool { return a == b })
	seen := map[*madeLayer]bool{}
	for _, l := range layers {
		if seen[l] {
			continue
		}
		seen[l] = true
		if l.images++; l.images == 1 {
			l.first, l.from = i, "registry://"+repository(i)+":"+tag(i)
			m.layers[l.digest] = l
		}
	}
	m.images = append(m.images, layers)
}

func repository(i int64) string {
	repo := i / imagesARepo
	return fmt.Sprintf("registry.example.com/team-%02d/app-%05d", repo%teams, repo)
}

func tag(i int64) string { return fmt.Sprintf("1.%d", i%imagesARepo) }

func (m *making) sorted() []*madeLayer {
	all := make([]*madeLayer, 0, len(m.layers))
	for _, l := range m.layers {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *madeLayer) int { return strings.Compare(a.digest, b.digest) })
	return all
}

// plan stores the plan and returns its digest.
func (m *making) plan() (string, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	lines := []any{fleet.PlanHeader{Type: "plan", Version: fleet.PlanVersion, Made: m.f.Made, Sources: []string{"registry://registry.example.com/"}}}
	for i, layers := range m.images {
		n := int64(i)
		row := fleet.PlanImage{Type: "image", Image: n, Reference: "registry://" + repository(n) + ":" + tag(n), Name: repository(n) + ":" + tag(n), Repository: repository(n), Tag: tag(n)}
		for _, l := range layers {
			row.Layers = append(row.Layers, l.digest)
		}
		lines = append(lines, row)
	}
	end := fleet.PlanEnd{Type: "end", Images: int64(len(m.images))}
	for _, l := range m.sorted() {
		lines = append(lines, fleet.PlanLayer{Type: "layer", Layer: l.digest, Bytes: l.bytes, Images: l.images, First: l.first, From: l.from})
		end.Layers++
		end.Bytes += l.bytes
	}
	for _, line := range append(lines, end) {
		if err := enc.Encode(line); err != nil {
			return "", err
		}
	}
	sum := sha256.Sum256(text.Bytes())
	id := hex.EncodeToString(sum[:8])
	return id, m.put(fleet.PlanName(id), text.Bytes())
}

func (m *making) put(name string, content []byte) error {
	_, err := m.s.Put(m.ctx, name, bytes.NewReader(content), int64(len(content)))
	return err
}

// tables stores all tables, part by part.
func (m *making) tables(plan string) error {
	for from := 0; from < len(m.images); from += fleet.PartImages {
		p := &part{plan: plan, packages: []fleet.PackageRow{}, full: m.f.Packages}
		for i := from; i < min(from+fleet.PartImages, len(m.images)); i++ {
			p.add(int64(i), m.images[i], m.f.Made)
		}
		if err := p.put(m, int64(from/fleet.PartImages)); err != nil {
			return err
		}
	}
	return nil
}

// part has the rows of one part of the plan.
type part struct {
	plan     string
	images   []fleet.ImageRow
	of       []fleet.ImageLayerRow
	layers   []fleet.LayerRow
	findings []fleet.FindingRow
	packages []fleet.PackageRow
	full     bool // with packages
}

func (p *part) add(i int64, layers []*madeLayer, made time.Time) {
	row := fleet.ImageRow{Plan: p.plan, Image: i, Reference: "registry://" + repository(i) + ":" + tag(i), Name: repository(i) + ":" + tag(i), Repository: repository(i), Tag: new(tag(i)), Created: new(made.UnixMilli())}
	var stored, wasted, own, compressed, entries, base int64
	for at, l := range layers {
		lost := l.stored / 50
		ofBase := l.step < 0
		if ofBase {
			base, lost = base+1, 0
		} else {
			own += l.stored
		}
		stored, wasted, compressed, entries = stored+l.stored, wasted+lost, compressed+l.bytes, entries+int64(l.files)
		command := "base"
		if !ofBase {
			command = steps[l.step]
		}
		p.of = append(p.of, fleet.ImageLayerRow{
			Plan: p.plan, Image: i, Index: int64(at), Layer: l.digest, StoredBytes: new(l.stored), WastedBytes: new(lost), Entries: new(int64(l.files)),
			Command: new(command), Created: new(l.created.UnixMilli()), Base: ofBase,
		})
		if !ofBase && l.step < len(faults) {
			x := faults[l.step]
			p.findings = append(p.findings, fleet.FindingRow{
				Plan: p.plan, Image: i, ID: fmt.Sprint(i, "-", at), Rule: x[0], Severity: "warning", Title: x[1], Message: x[1], Advice: new(x[2]), Path: new(x[3]),
				Index: new(int64(at)), Layer: new(l.digest), Step: new(steps[l.step]), Bytes: l.stored / 50,
			})
		}
		if l.first == i {
			p.layers = append(p.layers, fleet.LayerRow{
				Plan: p.plan, Layer: l.digest, Bytes: l.bytes, Images: l.images, From: l.from, Entries: new(int64(l.files)), Files: new(int64(l.files)), Content: new(l.stored),
			})
		}
	}
	row.Layers, row.Entries, row.StoredBytes, row.WastedBytes, row.VisibleBytes = new(int64(len(layers))), new(entries), new(stored), new(wasted), new(stored-wasted)
	row.CompressedBytes, row.BaseLayers, row.UserStoredBytes, row.UserWastedBytes, row.BaseHiddenBytes = new(compressed), new(base), new(own), new(wasted), new(int64(0))
	row.Efficiency, row.UserWastedRatio, row.OwnEfficiency = new(1-float64(wasted)/float64(stored)), new(float64(wasted)/float64(own)), new(1-float64(wasted)/float64(own))
	row.BaseName, row.BaseSure = new("docker.io/library/base-"+layers[0].digest[7:9]), new(true)
	row.Causes = []fleet.CauseRow{{Cause: analyze.Overwritten.String(), Bytes: wasted, Versions: 1}}
	row.UnreadableLayers = new(int64(0))
	if p.full {
		p.pack(i, layers[0])
	}
	p.images = append(p.images, row)
}

// pack adds the packages of a base layer. Two bases have different versions of them.
func (p *part) pack(i int64, base *madeLayer) {
	each := base.stored / packages
	for n := range packages {
		p.packages = append(p.packages, fleet.PackageRow{
			Plan: p.plan, Image: i, Name: fmt.Sprintf("package-%02d", n), Version: new("1." + base.digest[7:9]), Type: "dpkg", Stored: each, Visible: each,
			Files: 10, Layer: base.digest, Installed: true, Layers: []fleet.PackageLayerRow{{Layer: base.digest, Stored: each, Visible: each, Files: 10}},
		})
	}
}

func (p *part) put(m *making, n int64) error {
	slices.SortFunc(p.layers, func(a, b fleet.LayerRow) int { return strings.Compare(a.Layer, b.Layer) })
	p.layers = slices.CompactFunc(p.layers, func(a, b fleet.LayerRow) bool { return a.Layer == b.Layer })
	for _, t := range []struct {
		name  string
		write func() ([]byte, error)
	}{
		{fleet.ImageLayersTable, func() ([]byte, error) { return fleet.WriteTable(p.of) }},
		{fleet.LayersTable, func() ([]byte, error) { return fleet.WriteTable(p.layers) }},
		{fleet.FindingsTable, func() ([]byte, error) { return fleet.WriteTable(p.findings) }},
		{fleet.PackagesTable, func() ([]byte, error) { return fleet.WriteTable(p.packages) }},
		{fleet.ImagesTable, func() ([]byte, error) { return fleet.WriteTable(p.images) }}, // last: once it exists, all others do
	} {
		content, err := t.write()
		if err != nil {
			return err
		}
		if err := m.put(fleet.PartName(t.name, p.plan, n), content); err != nil {
			return err
		}
	}
	return nil
}

// files stores a layer's table of files.
func (m *making) files(l *madeLayer) error {
	rng := rand.New(rand.NewPCG(m.f.Seed, uint64(l.bytes)))
	rows := make([]fleet.FileRow, 0, l.files)
	for i := range l.files {
		path := fmt.Sprintf("/%s/lib-%03d/file-%05d.%s", []string{"usr/lib", "usr/share", "opt", "srv/app"}[rng.IntN(4)], rng.IntN(300), i, []string{"so", "py", "js", "jar"}[rng.IntN(4)])
		like := rng.Uint64N(200_000) // one of the contents that many layers share
		if rng.IntN(uniqueFiles) == 0 {
			like = rng.Uint64() | 1<<63
		}
		content := sha256.Sum256(fmt.Append(nil, like))
		sum, sum64 := [16]byte(content[:16]), int64(like)
		rows = append(rows, fleet.FileRow{
			Layer: l.digest, Path: path, Ordinal: int32(i), Type: "file", Size: l.stored / int64(l.files), Stored: l.stored / int64(l.files), Mode: 0o644,
			Mtime: l.created.Unix(), Sum: &sum, Sum64: &sum64, Offset: int64(i) * 512,
		})
	}
	slices.SortFunc(rows, func(a, b fleet.FileRow) int { return strings.Compare(a.Path, b.Path) })
	content, err := fleet.WriteTable(rows)
	if err != nil {
		return err
	}
	return m.put(fleet.LayerName(l.digest), content)
}
