package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/redact"
	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
)

// A checkTarget is one image of a check.
type checkTarget struct {
	ref      string // as requested
	platform string // the platform, with --platform all; else ""
	rules    *ruling
	err      error // why its platforms could not be listed
}

// allPlatforms is --platform's value for each platform of an image.
const allPlatforms = "all"

// checkImages checks images against rules one after another, and reports on them in every
// requested format.
func (a *app) checkImages(ctx context.Context, refs []string, rules *checkConfig, outs []output) error {
	refs, err := rules.asked(refs)
	if err != nil {
		return err
	}
	all, err := rules.targets(refs)
	if err == nil && a.platform == allPlatforms {
		all, err = a.eachPlatform(ctx, all)
	}
	if err != nil {
		return err
	}
	read := slices.Clone(refs)
	for _, t := range all {
		for _, p := range []*place{t.rules.baseline, t.rules.dockerfile} {
			if p != nil {
				read = append(read, p.path())
			}
		}
	}
	for _, f := range rules.files {
		read = append(read, f.path)
	}
	if err := a.guard(slices.Concat(outs, summaryOutput(outs)), read...); err != nil {
		return err
	}
	var verdicts []*report.Verdict
	var unloaded error
	failed := false
	for i := range all {
		v, err := a.checkOne(ctx, &all[i], len(all) > 1)
		switch {
		case err != nil && (len(all) == 1 || mustStop(ctx, err)):
			return err
		case err != nil:
			unloaded = errors.Join(unloaded, err)
			v = &report.Verdict{Name: all[i].name(), Key: all[i].key(""), Err: errors.New(redact.Text(err.Error()))}
		}
		failed = failed || v.Outcome != nil && v.Outcome.Failed()
		v.Details = rules.flags.details
		verdicts = append(verdicts, v)
	}
	if unloaded == nil {
		noteUnused(all, verdicts)
	}
	err = a.writeVerdicts(ctx, outs, verdicts)
	if unloaded != nil && closedPipe(err) {
		err = nil // a closed reader is no reason to pass
	}
	err = errors.Join(err, unloaded)
	if len(all) == 1 {
		err = errors.Join(err, verdicts[0].Analysis.Image.Close())
	}
	return concluded(failed, err)
}

// mustStop reports whether an error of one image ends the whole check: wrong usage, an interrupt,
// not enough memory.
func mustStop(ctx context.Context, err error) bool {
	var f *failure
	return ctx.Err() != nil || errors.Is(err, errMemory) || errors.As(err, &f) && f.code == exitUsage
}

// asked returns the images to check: those on the command line, else those listed in the rules
// file.
func (c *checkConfig) asked(refs []string) ([]string, error) {
	if len(refs) == 0 {
		var globs bool
		if refs, globs = c.listed(); len(refs) == 0 {
			if globs {
				return nil, usage("peel check IMAGE...", "no image: the entries of %s are globs, which set rules for images but name none", imagesKey)
			}
			return nil, usage("peel check --help", "peel check needs at least one image, or a list of %s in the rules file", imagesKey)
		}
	}
	if len(refs) > maxImages {
		return nil, usage("", "%d images are more than the %d of one check", len(refs), maxImages)
	}
	streams := 0
	for _, ref := range refs {
		if source.ReadsStdin(ref) {
			streams++
		}
	}
	if streams > 1 {
		return nil, usage("", "only one image can come from standard input")
	}
	return refs, nil
}

// targets are the images with their rules and platforms.
func (c *checkConfig) targets(refs []string) ([]checkTarget, error) {
	var all []checkTarget
	for _, ref := range refs {
		r, err := c.of(ref)
		if err != nil {
			return nil, err
		}
		if err := c.flags.growing(r); err != nil {
			return nil, err
		}
		if r.baseline != nil && r.baseline.from.flag != "" && len(refs) > 1 {
			return nil, usage("baseline in the entries of "+imagesKey, "--baseline is one baseline, and there are %d images", len(refs))
		}
		if source.ReadsStdin(ref) && r.baseline != nil && r.baseline.text == standardInput {
			return nil, usage("", "only one of the image and its baseline can come from standard input")
		}
		all = append(all, checkTarget{ref: ref, rules: r})
	}
	return all, nil
}

// eachPlatform replaces each image by one for each of its platforms.
func (a *app) eachPlatform(ctx context.Context, images []checkTarget) ([]checkTarget, error) {
	var all []checkTarget
	for _, t := range images {
		if source.ReadsStdin(t.ref) {
			return nil, usage("docker save -o image.tar NAME, and peel check image.tar", "--platform all reads an image once for each platform, and standard input can be read only once")
		}
		platforms, err := a.platforms(ctx, t.ref)
		if err != nil {
			if len(images) == 1 || mustStop(ctx, err) {
				return nil, err
			}
			t.err = err
			all = append(all, t)
			continue
		}
		for _, p := range platforms {
			t.platform = p
			all = append(all, t)
		}
		if len(all) > maxImages {
			return nil, usage("", "the platforms give more than the %d images of one check", maxImages)
		}
	}
	return all, nil
}

// platforms lists the platforms of an image.
func (a *app) platforms(ctx context.Context, ref string) ([]string, error) {
	p := a.startProgress("reading")
	defer p.stop()
	ctx, done := a.memory.loading(ctx, ref)
	defer done()
	all, err := source.Platforms(ctx, ref, a.options(false, p.report))
	if err != nil {
		err = tooLarge(ctx, nil, err)
		return nil, failed(a.openAdvice(ctx, ref, err), "cannot open %w", withRef(ref, err))
	}
	return all, nil
}

// name returns the image's name in a check of several images.
func (t *checkTarget) name() string {
	if t.platform != "" {
		return t.ref + " " + t.platform
	}
	return t.ref
}

// key is the part of the name that stays the same between builds. own is the image's own name,
// which is better than that of a file.
func (t *checkTarget) key(own string) string {
	key := report.ImageKey(cmp.Or(own, t.ref))
	if t.platform != "" {
		key += " " + t.platform
	}
	return key
}

// checkOne checks one image, alone or as one of several. It leaves a single image open; for
// several, it keeps only what the formats need.
func (a *app) checkOne(ctx context.Context, t *checkTarget, several bool) (*report.Verdict, error) {
	if t.err != nil {
		return nil, t.err
	}
	one := *a // what follows is about this image
	one.base = cmp.Or(a.base, t.rules.Base())
	if a.platform == allPlatforms {
		one.platform = t.platform
	}
	files, err := a.buildFiles(t.rules, !several)
	if err != nil {
		return nil, err
	}
	one.search = analyze.SearchRegistries
	for _, f := range files {
		one.dockerfiles = append(one.dockerfiles, f.File)
	}
	one.wantsPackages = true
	an, err := one.load(ctx, t.ref, false)
	if err != nil {
		if t.rules.Base() != "" && strings.Contains(err.Error(), "base "+t.rules.Base()) {
			return nil, failed("", "%w (the base is from %s)", err, t.rules.From)
		}
		return nil, err
	}
	o, err := one.outcome(ctx, an, t.rules, files)
	if err != nil {
		return nil, errors.Join(err, an.Image.Close())
	}
	name, _ := version()
	v := &report.Verdict{Analysis: an, Outcome: o, Version: name, Key: t.key(an.Image.Name)}
	if several || t.platform != "" {
		v.Name = t.name()
	}
	if several {
		v.Analysis, v.Outcome = an.Detached(), o.Detached()
		if err := an.Image.Close(); err != nil {
			return nil, failed("", "%s: %w", t.ref, err)
		}
	}
	return v, nil
}

// outcome checks an image against its rules.
func (a *app) outcome(ctx context.Context, an *analyze.Analysis, rules *ruling, files []buildFile) (*analyze.Outcome, error) {
	opts := analyze.CheckOptions{Dockerfile: builtFrom(an, files)}
	var err error
	missing := ""
	if p := rules.baseline; p != nil {
		ref := a.baselineRef(p)
		if absent := rules.mayLack && noSuchFile(ref); !absent {
			opts.Growth, err = a.growth(ctx, an, ref)
		}
		switch {
		case err == nil && opts.Growth != nil:
		case err == nil, rules.mayLack && errors.Is(err, source.ErrNotFound) && !errors.Is(err, source.ErrUnsure):
			missing = fmt.Sprintf("no baseline %s yet: growth is not checked", ref)
		default:
			return nil, err
		}
	}
	o, err := analyze.Check(ctx, an, rules.Rules, opts)
	if err != nil {
		return nil, failed("", "cannot check the image: %w", err)
	}
	if missing != "" {
		o.Notes = append(o.Notes, missing)
	}
	o.Waive(rules.waivers, time.Now().UTC().Format(time.DateOnly))
	return o, nil
}

// baselineRef returns the reference of a baseline: one in a rules file is a file next to it, if
// that exists.
func (a *app) baselineRef(p *place) string {
	if p.file == nil {
		return p.text
	}
	if path, ok := source.PathOf(p.path()); ok && path != "" {
		return p.path()
	}
	return p.text
}

// noSuchFile reports whether a reference, by its name, can only mean a file, and the file doesn't
// exist.
func noSuchFile(ref string) bool {
	if strings.Contains(ref, "://") {
		return false
	}
	isFile := filepath.IsAbs(ref) || strings.HasPrefix(ref, "./") || strings.HasPrefix(ref, "../")
	for _, end := range []string{".json", ".tar", ".tar.gz", ".tgz", ".tar.zst"} {
		isFile = isFile || strings.HasSuffix(ref, end)
	}
	_, err := os.Lstat(ref)
	return isFile && errors.Is(err, fs.ErrNotExist)
}

// noteUnused reports waivers that waive nothing in any of their images.
func noteUnused(all []checkTarget, verdicts []*report.Verdict) {
	last := map[*analyze.Waiver]*report.Verdict{}
	var order []*analyze.Waiver
	for i := range all {
		for _, w := range all[i].rules.waivers {
			if _, ok := last[w]; !ok {
				order = append(order, w)
			}
			last[w] = verdicts[i]
		}
	}
	for _, w := range order {
		if !w.Used() {
			o := last[w].Outcome
			o.Notes = append(o.Notes, fmt.Sprintf("the waiver of %s (%s) is not needed: no finding matches it", w.What(), w.From))
		}
	}
}
