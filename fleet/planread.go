package fleet

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/peelhq/peel/source"
)

// Limits on a plan.
const (
	maxPlan       = 8 << 30 // bytes
	longestLine   = 4 << 20 // bytes
	maxPlanImages = 1 << 24
	maxPlanLayers = 1 << 25
	maxPlanStack  = 1 << 14 // layers of an image
)

// ErrPlan says that a plan can't be used.
var ErrPlan = errors.New("not a usable plan")

// A Plan is an open plan, which can be read several times. It was read once to check that it is
// complete and consistent.
type Plan struct {
	Header PlanHeader
	End    PlanEnd

	ID string // the first 16 digits of its SHA-256

	from source.Object
}

// planFile is a file with the methods of an object.
type planFile struct {
	*os.File
	size int64
}

func (f planFile) Size() int64 { return f.size }

// OpenPlan opens a plan: a file, or "s3://BUCKET/NAME".
func OpenPlan(ctx context.Context, place string) (_ *Plan, err error) {
	var from source.Object
	if rest, ok := strings.CutPrefix(place, "s3://"); ok {
		i := strings.LastIndexByte(rest, '/')
		if i < 1 {
			return nil, fmt.Errorf("%w: %s: write s3://BUCKET/NAME", ErrPlan, place)
		}
		s, err := source.OpenObjects(ctx, "s3://"+rest[:i], false)
		if err != nil {
			return nil, err
		}
		if from, err = s.Open(ctx, rest[i+1:]); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPlan, err)
		}
	} else {
		f, err := os.Open(place)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPlan, err)
		}
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("not a file")
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%w: %s: %w", ErrPlan, place, err), f.Close())
		}
		from = planFile{f, info.Size()}
	}
	p, err := newPlan(ctx, from)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", place, err), from.Close())
	}
	return p, nil
}

// StoredPlan opens a plan that a store has, by its ID.
func StoredPlan(ctx context.Context, s source.Objects, id string) (*Plan, error) {
	from, err := s.Open(ctx, PlanName(id))
	if err != nil {
		return nil, err
	}
	p, err := newPlan(ctx, from)
	if err == nil && p.ID != id {
		err = ErrPlan
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", PlanName(id), err), from.Close())
	}
	return p, nil
}

// newPlan reads a plan once.
func newPlan(ctx context.Context, from source.Object) (*Plan, error) {
	p := &Plan{from: from}
	if from.Size() > maxPlan {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrPlan, from.Size())
	}
	sum := sha256.New()
	c := planCheck{}
	err := p.lines(ctx, io.TeeReader(io.NewSectionReader(from, 0, from.Size()), sum), func(kind string, line []byte) error {
		return c.line(p, kind, line)
	})
	switch {
	case err != nil:
		return nil, err
	case p.End.Type == "":
		return nil, fmt.Errorf("%w: it is incomplete: make it again with peel fleet plan", ErrPlan)
	}
	p.ID = hex.EncodeToString(sum.Sum(nil))[:16]
	return p, nil
}

// Close closes the plan.
func (p *Plan) Close() error { return p.from.Close() }

// Size returns the bytes of the plan.
func (p *Plan) Size() int64 { return p.from.Size() }

// Put stores the plan.
func (p *Plan) Put(ctx context.Context, s source.Objects) error {
	_, err := s.Put(ctx, PlanName(p.ID), io.NewSectionReader(p.from, 0, p.from.Size()), p.from.Size())
	return err
}

// Each reads the plan. It calls image with each image, and then layer with each unique layer.
// Either function may be nil. An error from either ends it.
func (p *Plan) Each(ctx context.Context, image func(*PlanImage) error, layer func(*PlanLayer) error) error {
	return p.lines(ctx, io.NewSectionReader(p.from, 0, p.from.Size()), func(kind string, line []byte) error {
		switch {
		case kind == "image" && image != nil:
			var x PlanImage
			if err := json.Unmarshal(line, &x); err != nil {
				return fmt.Errorf("%w: %w", ErrPlan, err)
			}
			return image(&x)
		case kind == "layer" && layer != nil:
			var x PlanLayer
			if err := json.Unmarshal(line, &x); err != nil {
				return fmt.Errorf("%w: %w", ErrPlan, err)
			}
			return layer(&x)
		}
		return nil
	})
}

// lines calls fn with each line and its type.
func (p *Plan) lines(ctx context.Context, r io.Reader, fn func(kind string, line []byte) error) error {
	in := bufio.NewReaderSize(r, 1<<20)
	var long []byte
	for n := 1; ; n++ {
		if n%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line, err := in.ReadSlice('\n')
		for long = long[:0]; errors.Is(err, bufio.ErrBufferFull); line, err = in.ReadSlice('\n') {
			if long = append(long, line...); len(long) > longestLine {
				return fmt.Errorf("%w: line %d has more than %d bytes", ErrPlan, n, longestLine)
			}
		}
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		switch {
		case len(line) > longestLine:
			return fmt.Errorf("%w: line %d has more than %d bytes", ErrPlan, n, longestLine)
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%w: its last line is cut off: make it again with peel fleet plan", ErrPlan)
		case err != nil:
			return err
		}
		if err := fn(lineType(line), line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
}

// lineType returns the type in a line, which peel writes first.
func lineType(line []byte) string {
	rest, ok := bytes.CutPrefix(line, []byte(`{"type":"`))
	if !ok {
		return ""
	}
	kind, _, _ := bytes.Cut(rest[:min(len(rest), 16)], []byte(`"`))
	return string(kind)
}

// planCheck holds the state of checking a plan as it is first read.
type planCheck struct {
	images, unreadable, layers, bytes int64
	last                              string // layer
	begun                             bool
}

// line checks a line: its values are bounded and well-formed, digests are digests, and numbers
// refer to existing things.
func (c *planCheck) line(p *Plan, kind string, line []byte) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrPlan, fmt.Sprintf(format, args...))
	}
	if c.begun == (kind == "plan") || p.End.Type != "" {
		return bad("a line of type %q does not belong here", kind)
	}
	switch kind {
	case "plan":
		if err := json.Unmarshal(line, &p.Header); err != nil {
			return bad("%v", err)
		}
		if p.Header.Version != PlanVersion {
			return bad("it has version %d, but this peel reads version %d", p.Header.Version, PlanVersion)
		}
		c.begun = true
	case "image":
		var x PlanImage
		if err := json.Unmarshal(line, &x); err != nil {
			return bad("%v", err)
		}
		return c.image(&x, bad)
	case "layer":
		var x PlanLayer
		if err := json.Unmarshal(line, &x); err != nil {
			return bad("%v", err)
		}
		return c.layer(&x, bad)
	case "end":
		if err := json.Unmarshal(line, &p.End); err != nil {
			return bad("%v", err)
		}
		if e := p.End; e.Images != c.images || e.Unreadable != c.unreadable || e.Layers != c.layers || e.Bytes != c.bytes {
			return bad("its lines do not match the totals in its last line")
		}
	default:
		return bad("a line of an unknown type")
	}
	return nil
}

func (c *planCheck) image(x *PlanImage, bad func(string, ...any) error) error {
	switch {
	case c.layers > 0 || x.Image != c.images || c.images >= maxPlanImages:
		return bad("image %d is out of order", x.Image)
	case x.Reference == "" || len(x.Layers) > maxPlanStack:
		return bad("image %d", x.Image)
	case source.ReadsStdin(x.Reference):
		return bad("image %d is read from standard input", x.Image)
	}
	for _, l := range x.Layers {
		if !validDigest(l) {
			return bad("image %d has a layer %q, which is not a digest", x.Image, l)
		}
	}
	if c.images++; x.Error != "" {
		c.unreadable++
	}
	return nil
}

func (c *planCheck) layer(x *PlanLayer, bad func(string, ...any) error) error {
	switch {
	case !validDigest(x.Layer) || x.DiffID != "" && !validDigest(x.DiffID):
		return bad("%q is not a digest", x.Layer)
	case x.Layer <= c.last || c.layers >= maxPlanLayers:
		return bad("the layer %s is out of order", x.Layer)
	case x.Bytes < 0 || x.Bytes > 1<<50 || x.Images < 1 || x.First < 0 || x.First >= c.images || x.Index < 0 || x.Index >= maxPlanStack:
		return bad("the layer %s has impossible numbers", x.Layer)
	case x.From == "" || source.ReadsStdin(x.From):
		return bad("the layer %s has no source", x.Layer)
	}
	c.last = x.Layer
	c.layers++
	c.bytes += x.Bytes
	return nil
}

// digestHex has the lengths of digests, by algorithm.
var digestHex = map[string]int{"sha256": 64, "sha384": 96, "sha512": 128}

// validDigest reports whether a text is a digest of an algorithm that peel knows, so that it can be
// part of a path.
func validDigest(s string) bool {
	algorithm, rest, _ := strings.Cut(s, ":")
	n, ok := digestHex[algorithm]
	return ok && len(rest) == n && strings.Trim(rest, "0123456789abcdef") == ""
}
