package fleet

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/internal/draft"
	"github.com/peelhq/peel/internal/redact"
	"github.com/peelhq/peel/source"
)

// # Making a plan
//
// Looking at the images one by one may take hours. The results are appended to FILE.part, one line
// per reference, and flushed to disk. An interrupted plan continues from there. At the end, the
// complete plan appears, and FILE.part is removed.

// PlanOptions say how to make a plan.
type PlanOptions struct {
	Sources     []string
	Choice      Choice
	Open        source.Options // how to open images
	Concurrency int            // images at once; 0 means 4
	Now         time.Time

	// Progress, if not nil, is called with the number of references that are done, and of those
	// known so far.
	Progress func(done, known int)
}

// usualConcurrency is the default number of images or layers to read at once.
const usualConcurrency = 4

// syncLines is the number of lines after which results are flushed to disk.
const syncLines = 32

// A partLine has the results for one reference.
type partLine struct {
	Ask    string      `json:"ask"`
	Images []PlanImage `json:"images"`
	Layers []PlanLayer `json:"layers"` // layers of all these images, in order; First is the index in Images
}

// A planner makes one plan.
type planner struct {
	PlanOptions
	file string

	mu     sync.Mutex
	part   *os.File // the results so far
	lines  int      // lines that aren't flushed yet
	learnt []partLine
	asked  map[string]bool
	done   int
}

// MakePlan makes a plan and writes it to a file. It returns an error only if it can't make the plan
// at all. In the plan, something that can't be read is an image with an error.
func MakePlan(ctx context.Context, file string, o PlanOptions) (_ PlanEnd, err error) {
	p := &planner{PlanOptions: o, file: file, asked: map[string]bool{}}
	if p.Concurrency <= 0 {
		p.Concurrency = usualConcurrency
	}
	head := PlanHeader{Type: "plan", Version: PlanVersion, Made: o.Now.UTC().Truncate(time.Second), Sources: o.Sources, Choice: o.Choice}
	if head, err = p.resume(head); err != nil {
		return PlanEnd{}, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(p.Concurrency)
	var listed error
	for _, s := range o.Sources {
		err := p.each(inner, s, func(ask, name string) error {
			p.mu.Lock()
			known := p.asked[ask]
			p.asked[ask] = true
			p.mu.Unlock()
			if known {
				return nil
			}
			group.Go(func() error {
				return crash.Do(func() error { return p.look(inner, ask, name) })
			})
			return inner.Err()
		})
		if inner.Err() != nil {
			listed = inner.Err()
			break
		}
		if err != nil {
			p.learn(&partLine{Ask: s, Images: []PlanImage{unreadable(s, s, err)}})
		}
	}
	if err := group.Wait(); err != nil {
		return PlanEnd{}, err
	}
	if listed != nil {
		return PlanEnd{}, cmp.Or(ctx.Err(), listed)
	}
	end, err := p.write(ctx, head)
	if err != nil {
		return end, err
	}
	return end, p.remove()
}

func (p *planner) partName() string { return p.file + ".part" }

// resume loads the earlier results for the same plan, and returns its header.
func (p *planner) resume(head PlanHeader) (PlanHeader, error) {
	f, err := os.OpenFile(p.partName(), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return head, err
	}
	p.part = f
	in := bufio.NewReader(f)
	var whole int64 // bytes of complete lines
	for first := true; ; first = false {
		line, err := in.ReadBytes('\n')
		if err != nil { // the end, or an incomplete line
			break
		}
		if first {
			var before PlanHeader
			same := json.Unmarshal(line, &before) == nil && before.Type == head.Type && before.Version == head.Version &&
				slices.Equal(before.Sources, head.Sources) && before.Choice == head.Choice
			if !same {
				return head, errors.Join(fmt.Errorf("%s belongs to another plan: remove it, or write this plan to another file", p.partName()), f.Close())
			}
			head.Made = before.Made
		} else {
			var l partLine
			if json.Unmarshal(line, &l) != nil || l.Ask == "" {
				break
			}
			p.learnt = append(p.learnt, l)
			p.asked[l.Ask] = true
		}
		whole += int64(len(line))
	}
	if err := errors.Join(f.Truncate(whole), seekTo(f, whole)); err != nil {
		return head, errors.Join(err, f.Close())
	}
	p.done = len(p.learnt)
	if whole == 0 {
		return head, p.append(head)
	}
	return head, nil
}

func seekTo(f *os.File, at int64) error {
	_, err := f.Seek(at, io.SeekStart)
	return err
}

// append appends a line to the results.
func (p *planner) append(v any) error {
	text, err := marshalLine(v)
	if err != nil {
		return err
	}
	if _, err := p.part.Write(text); err != nil {
		return err
	}
	if p.lines++; p.lines%syncLines == 1 {
		return p.part.Sync()
	}
	return nil
}

// marshalLine returns a line of NDJSON.
func marshalLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

func (p *planner) close() error {
	if p.part == nil {
		return nil
	}
	f := p.part
	p.part = nil
	return errors.Join(f.Sync(), f.Close())
}

// remove removes the results, once the plan exists.
func (p *planner) remove() error {
	return errors.Join(p.close(), os.Remove(p.partName()))
}

// learn records the results for a reference.
func (p *planner) learn(l *partLine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.learnt = append(p.learnt, *l)
	p.asked[l.Ask] = true
	if p.done++; p.Progress != nil {
		p.Progress(p.done, len(p.asked))
	}
}

// look looks at one reference.
func (p *planner) look(ctx context.Context, ask, name string) error {
	l := &partLine{Ask: ask}
	lasting, err := p.images(ctx, ask, name, l)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		l.Images = append(l.Images, unreadable(ask, name, err))
	}
	p.learn(l)
	if !lasting { // the next try may succeed
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.append(l)
}

// unreadable returns the row of something that can't be read.
func unreadable(ask, name string, err error) PlanImage {
	return PlanImage{Type: "image", Reference: ask, Name: name, Error: redact.Text(strings.ToValidUTF8(err.Error(), "\uFFFD"))}
}

// images adds the images of a reference, one for each requested platform. lasting says that another
// try would fail too.
func (p *planner) images(ctx context.Context, ask, name string, to *partLine) (lasting bool, err error) {
	platforms := []string{p.Choice.Platform}
	if p.Choice.Platform == AllPlatforms {
		if platforms, err = source.Platforms(ctx, ask, p.Open); err != nil {
			return source.FailureOf(err) != source.Passing, err
		}
	}
	lasting = true
	for _, platform := range platforms {
		if err := p.image(ctx, ask, name, platform, to); err != nil {
			lasting = lasting && source.FailureOf(err) != source.Passing
			row := unreadable(ask, name, err)
			row.Platform = platform
			to.Images = append(to.Images, row)
		}
	}
	return lasting, nil
}

// AllPlatforms as Choice.Platform means every platform of an image.
const AllPlatforms = "all"

// image adds one image.
func (p *planner) image(ctx context.Context, ask, name, platform string, to *partLine) (err error) {
	opts := p.Open
	opts.Platform = platform
	im, err := source.Open(ctx, ask, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, im.Close()) }()
	row := PlanImage{
		Type: "image", Reference: cmp.Or(im.Pinned, ask), Name: cmp.Or(name, im.Name, ask), Digest: im.Digest, ID: im.ID,
		Platform: im.FullPlatform(), Created: im.Created.UTC(), Labels: im.Config.Labels,
	}
	if rest, ok := strings.CutPrefix(im.Pinned, "registry://"); ok {
		row.Name, _, _ = strings.Cut(rest, "@")
	}
	row.Repository, row.Tag = splitName(row.Name)
	var layers []PlanLayer
	for i, l := range im.Layers {
		key := cmp.Or(l.Digest, l.DiffID)
		if key == "" {
			return fmt.Errorf("layer %d has no digest, which a fleet needs", i)
		}
		if !validDigest(key) {
			return fmt.Errorf("layer %d has a malformed digest: %q", i, key)
		}
		row.Layers = append(row.Layers, key)
		layers = append(layers, PlanLayer{
			Type: "layer", Layer: key, Bytes: l.StoredSize(), MediaType: l.MediaType, DiffID: l.DiffID,
			First: int64(len(to.Images)), From: row.Reference, Platform: row.Platform, Index: i,
		})
	}
	to.Images = append(to.Images, row)
	to.Layers = append(to.Layers, layers...)
	return nil
}

// splitName splits a name into the part before the tag, and the tag.
func splitName(name string) (repository, tag string) {
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[:i], name[i+1:]
	}
	return name, ""
}

// write writes the plan itself.
func (p *planner) write(ctx context.Context, head PlanHeader) (end PlanEnd, err error) {
	images, layers := p.chosen()
	root, err := os.OpenRoot(filepath.Dir(p.file))
	if err != nil {
		return end, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	d, err := draft.New(root, 0o666)
	if err != nil {
		return end, err
	}
	defer func() { err = errors.Join(err, d.Discard()) }()
	w := bufio.NewWriter(d)
	line := func(v any) {
		text, failed := marshalLine(v)
		if err == nil {
			err = failed
		}
		if err == nil {
			_, err = w.Write(text)
		}
		if err == nil {
			err = ctx.Err()
		}
	}
	line(head)
	end.Type = "end"
	for i := range images {
		line(&images[i])
		end.Images++
		if images[i].Error != "" {
			end.Unreadable++
		}
	}
	for i := range layers {
		line(&layers[i])
		end.Layers++
		end.Bytes += layers[i].Bytes
	}
	line(&end)
	if err = errors.Join(err, w.Flush()); err != nil {
		return end, err
	}
	if err := d.Sync(); err != nil {
		return end, err
	}
	return end, d.Replace(filepath.Base(p.file))
}

// chosen returns the images of the plan and their unique layers, both in order.
func (p *planner) chosen() (images []PlanImage, layers []PlanLayer) {
	type rows struct {
		PlanImage
		layers []PlanLayer
	}
	var all []rows
	for _, l := range p.learnt {
		at := 0
		for i := range l.Images {
			r := rows{PlanImage: l.Images[i]}
			for at < len(l.Layers) && l.Layers[at].First == int64(i) {
				r.layers = append(r.layers, l.Layers[at])
				at++
			}
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b rows) int {
		return cmp.Or(strings.Compare(a.Reference, b.Reference), strings.Compare(a.Platform, b.Platform), strings.Compare(a.Error, b.Error))
	})
	all = slices.CompactFunc(all, func(a, b rows) bool {
		return a.Reference == b.Reference && a.Platform == b.Platform && a.Error == b.Error
	})
	all = slices.DeleteFunc(all, func(r rows) bool {
		return r.Error == "" && !r.Created.IsZero() && r.Created.Before(p.Choice.Since)
	})
	if p.Choice.Newest > 0 {
		dated := map[string][]PlanImage{}
		for _, r := range all {
			if r.Error == "" {
				dated[r.Repository] = append(dated[r.Repository], r.PlanImage)
			}
		}
		keep := map[string]bool{}
		for _, of := range dated {
			for _, tag := range newest(of, p.Choice.Newest) {
				keep[tag] = true
			}
		}
		all = slices.DeleteFunc(all, func(r rows) bool { return r.Error == "" && !keep[r.Reference] })
	}
	unique := map[string]int{}
	for i, r := range all {
		r.Image = int64(i)
		images = append(images, r.PlanImage)
		counted := map[string]bool{}
		for _, l := range r.layers {
			at, known := unique[l.Layer]
			if !known {
				at = len(layers)
				unique[l.Layer] = at
				l.First = int64(i)
				layers = append(layers, l)
			}
			if !counted[l.Layer] {
				counted[l.Layer] = true
				layers[at].Images++
			}
		}
	}
	slices.SortFunc(layers, func(a, b PlanLayer) int { return strings.Compare(a.Layer, b.Layer) })
	return images, layers
}

// newest returns the references of the n newest images of a repository; one for several
// platforms counts once.
func newest(of []PlanImage, n int) []string {
	slices.SortStableFunc(of, func(a, b PlanImage) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(b.Reference, a.Reference))
	})
	var out []string
	for _, im := range of {
		if !slices.Contains(out, im.Reference) {
			out = append(out, im.Reference)
		}
		if len(out) == n {
			break
		}
	}
	return out
}
