package cmd

import (
	"bufio"
	"bytes"
	"context"
	"os"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
)

// growth compares an image's figures with those of a baseline: an image or its
// stored JSON report, distinguished by content. The image of after must be
// open.
func (a *app) growth(ctx context.Context, after *analyze.Analysis, baseline string) (*analyze.Growth, error) {
	kept, err := a.keptBaseline(baseline)
	if err != nil {
		return nil, failed("peel report IMAGE -f json -o "+baseline+", to make it anew", "cannot read the baseline %s: %w", baseline, err)
	}
	if kept != nil {
		return after.GrowthFrom(baseline, kept), nil
	}
	before, err := a.loadBaseline(ctx, baseline)
	if err != nil {
		return nil, failed("", "the baseline: %w", err)
	}
	defer before.Image.Close()
	g, err := after.GrowthSince(ctx, baseline, before)
	if err != nil {
		return nil, failed("", "cannot compare with the baseline %s: %w", baseline, err)
	}
	return g, nil
}

// loadBaseline loads an older build. --base is about the newer one: if it does
// not fit because the base image has changed since, the older one's base is
// detected instead.
func (a *app) loadBaseline(ctx context.Context, ref string) (*analyze.Analysis, error) {
	p := a.startProgress("reading")
	defer p.stop()
	other := *a
	other.base = ""
	return other.open(ctx, ref, a.options(false, p.report), func(ctx context.Context, im *source.Image, opts analyze.Options) (*analyze.Analysis, error) {
		if a.base != "" {
			if an, err := analyze.Run(ctx, im, a.judging()); err == nil && an.Base.Missing == "" {
				return an, nil
			}
		}
		return analyze.Run(ctx, im, opts)
	})
}

// keptBaseline reads a baseline that is a report, from a file or standard input. It returns nil,
// and consumes no input, if the baseline is something else.
func (a *app) keptBaseline(name string) (*analyze.Baseline, error) {
	if name == "-" {
		if _, ok := terminal(a.stdin); ok {
			return nil, nil
		}
		in := bufio.NewReader(a.stdin)
		a.stdin = in
		return readKept(in)
	}
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return nil, nil // an image's name, or the code that opens it reports the error
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readKept(bufio.NewReader(f))
}

// readKept reads a report if r starts like one: with "{" and a key. No archive does.
func readKept(r *bufio.Reader) (*analyze.Baseline, error) {
	const enough = 64         // bytes: room for white space before the signs
	head, _ := r.Peek(enough) // the decoder meets the error again
	signs := bytes.Join(bytes.Fields(head), nil)
	if !bytes.HasPrefix(signs, []byte(`{"`)) && !bytes.HasPrefix(signs, []byte("{}")) {
		return nil, nil
	}
	return report.ReadBaseline(r)
}
