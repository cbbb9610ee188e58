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

// growth returns what an image's figures are against those of a baseline: an
// image, or the JSON report that was kept of one, told apart by content. The
// image of after must be open.
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

// loadBaseline is load of an older build. What --base says is about the newer
// one: if it does not fit, because the base image has changed since, then the
// older one's base is what it would be without.
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

// keptBaseline reads a baseline that is a report, of a file or standard input;
// nil if it is something else, of which nothing has been read then.
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
		return nil, nil // an image's name; or the code that opens it says what is wrong
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readKept(bufio.NewReader(f))
}

// readKept reads a report, if r begins as one does: with "{", and then a key.
// No archive does.
func readKept(r *bufio.Reader) (*analyze.Baseline, error) {
	const enough = 64         // bytes of white space and signs
	head, _ := r.Peek(enough) // an error comes again
	signs := bytes.Join(bytes.Fields(head), nil)
	if !bytes.HasPrefix(signs, []byte(`{"`)) && !bytes.HasPrefix(signs, []byte("{}")) {
		return nil, nil
	}
	return report.ReadBaseline(r)
}
