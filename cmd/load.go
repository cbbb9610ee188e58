package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/alike"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// options returns the options with which this run opens an image.
func (a *app) options(content bool, progress func(source.Progress)) source.Options {
	name, _ := version()
	return source.Options{
		Platform:           a.platform,
		KeepContent:        content,
		Via:                source.Via(a.via.value),
		Verify:             a.verify,
		Offline:            a.offline,
		InsecureRegistries: a.insecure,
		Agent:              "peel/" + name,
		Asking:             a.asking,
		Engine:             a.engine.value,
		OtherEngine:        a.otherEngine,
		CrossMounts:        a.crossMounts,
		Stdin:              a.stdin,
		Progress:           progress,
		Cache:              a.cacheFolder(),
		Collect:            analyze.Collectors(),
		Log:                a.logger(),
	}
}

// asking says that peel asks a registry for a name that isn't on this machine.
func (a *app) asking(name string) {
	a.say("not found on this machine; asking the registry for %s", name)
}

// otherEngine says that the image was found in another engine than the environment
// names.
func (a *app) otherEngine(answered, instead, by string) {
	a.say("found the image in %s; %s, which %s names, does not have it or does not answer (--engine %s asks only that one)", answered, instead, by, instead)
}

// say prints a message on standard error, above the line of progress if there is
// one.
func (a *app) say(format string, args ...any) {
	line := "peel: " + clean.Line(fmt.Sprintf(format, args...)) + "\n"
	if _, ok := terminal(a.stderr); ok && os.Getenv("TERM") != "dumb" {
		line = eraseLine + line
	}
	fmt.Fprint(a.stderr, line)
}

// load opens and analyses an image; with content, files can be read too. The
// caller closes the analysis' image.
func (a *app) load(ctx context.Context, ref string, content bool) (*analyze.Analysis, error) {
	p := a.startProgress("reading")
	defer p.stop()
	an, err := a.open(ctx, ref, a.options(content, p.report), analyze.Run)
	unmapSoon() // a report needs little of what reading the image needed
	return an, err
}

// judging returns the options for an analysis, such as how to find the base image's layers.
func (a *app) judging() analyze.Options {
	opts := analyze.Options{Base: a.base, Search: a.search, Dockerfiles: a.dockerfiles, Packages: a.wantsPackages}
	if _, err := strconv.Atoi(a.base); err != nil && a.search == analyze.SearchImage {
		opts.Base = "" // no figure depends on it, so don't search for the base
	}
	return opts
}

// analyser is analyze.Run, or analyze.Start, which leaves comparisons for later.
type analyser func(context.Context, *source.Image, analyze.Options) (*analyze.Analysis, error)

// open is load with the progress and other options of opts.
func (a *app) open(ctx context.Context, ref string, opts source.Options, analyse analyser) (*analyze.Analysis, error) {
	if err := a.readable(ref); err != nil {
		return nil, err
	}
	start := time.Now()
	ctx, done := a.memory.loading(ctx, ref)
	defer done()
	im, err := source.Open(ctx, ref, opts)
	if err != nil {
		err = tooLarge(ctx, nil, err)
		return nil, failed(a.openAdvice(ctx, ref, err), "cannot open %w", withRef(ref, err))
	}
	if n, err := strconv.Atoi(a.base); err == nil && (n < 0 || n > len(im.Layers)) {
		err := fmt.Errorf("--base %d: the image has %s", n, human.Count(len(im.Layers), "layer", "layers"))
		return nil, usage("", "%w", errors.Join(err, im.Close()))
	}
	log := cmp.Or(opts.Log, slog.New(slog.DiscardHandler))
	log.Debug("opened", "source", im.Source, "platform", im.Platform, "layers", len(im.Layers), "took", time.Since(start))
	unmapSoon()
	an, err := analyse(ctx, im, a.judging())
	if err != nil {
		err = tooLarge(ctx, im, err)
		return nil, failed("", "cannot read %w", withRef(ref, errors.Join(err, im.Close())))
	}
	log.Debug("analysed", "entries", an.Totals.Entries, "nodes", an.Tree.Len(), "took", time.Since(start))
	return an, nil
}

// readable rejects a reference to another engine than --engine's, and an image from a terminal.
func (a *app) readable(ref string) error {
	if named := source.EngineOf(ref); named != "" && a.engine.value != "" && named != a.engine.value {
		return usage("without --engine", "%s is of %s: --engine %s does not fit it", ref, named, a.engine.value)
	}
	if _, ok := terminal(a.stdin); ok && source.ReadsStdin(ref) {
		return usage("docker save NAME | peel -", "no image: standard input is a terminal")
	}
	return nil
}

// withRef returns err beginning with ref, as most errors about it do already.
func withRef(ref string, err error) error {
	_, bare, _ := strings.Cut(ref, "://")
	text := strings.TrimPrefix(err.Error(), `"`)
	if strings.HasPrefix(text, ref) || bare != "" && strings.HasPrefix(text, bare+": ") {
		return err
	}
	return fmt.Errorf("%s: %w", ref, err)
}

// openAdvice says what to try when an image cannot be opened.
func (a *app) openAdvice(ctx context.Context, ref string, err error) string {
	switch {
	case !errors.Is(err, source.ErrNotFound), strings.HasPrefix(ref, "registry://"): // their errors have advice of their own
		return ""
	case errors.Is(err, source.ErrNoContainer):
		return cmp.Or(a.meantImage(ctx, ref), "peel images --containers, which lists them")
	case a.platform != "":
		return "another --platform, or none"
	}
	return cmp.Or(a.meantImage(ctx, ref), a.meantCommand(ref), "the path of a saved image, docker://NAME or registry://NAME (peel --help lists the forms)")
}

// meantImage returns the image on this machine that ref is probably a misspelling of, or "".
func (a *app) meantImage(ctx context.Context, ref string) string {
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	opts := a.options(false, nil)
	opts.Quick = true
	places := slices.DeleteFunc(source.Places(".", opts), func(p source.Place) bool {
		return p.Containers != strings.HasPrefix(ref, "container://")
	})
	found, _, _ := lookAround(ctx, places)
	var names []string
	for i := range found[:min(len(found), maxAlike)] {
		names = append(names, found[i].Ref)
		if !strings.Contains(ref, "://") {
			names = append(names, found[i].Name)
		}
	}
	return alike.Meant(names, ref)
}

// fromRoot makes a path from the command line absolute: paths inside an image always begin at the
// root.
func fromRoot(arg string) string {
	if strings.HasPrefix(arg, "/") {
		return arg
	}
	return "/" + arg
}

// find returns the node of a path at a moment: in a union, it follows symlinks in the parents, and,
// with follow, the path itself; in a layer alone, it follows none.
func find(an *analyze.Analysis, m moment, arg string, follow bool) (analyze.NodeID, error) {
	t := an.Tree
	if m.alone() {
		n, ok := t.Lookup(path.Clean(fromRoot(arg)))
		if !ok || !m.holds(t, n) {
			return 0, failed("peel log IMAGE "+arg, "layer %d holds nothing at %s", m.layer.n, fromRoot(arg))
		}
		return n, nil
	}
	last := m.union(t)
	n, err := analyze.Resolve(t, last, fromRoot(arg), follow)
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, analyze.ErrNoPath):
		return 0, failed("", "cannot find %w", err)
	case last < 0:
		return 0, failed("", "no %s: the image has no layers", fromRoot(arg))
	}
	dir := nearest(t, last, fromRoot(arg))
	try := "peel ls IMAGE " + dir
	if meant := meantPath(t, last, dir, fromRoot(arg)); meant != "" {
		try = meant
	}
	if strings.ContainsAny(arg, "*?[") {
		try = "peel ls IMAGE -R --filter '" + arg + "', which finds paths by a pattern"
	}
	if _, ok := t.Lookup(fromRoot(arg)); ok {
		try = "peel log IMAGE " + arg + ", and --at with an earlier layer"
	}
	return 0, notThere(an, arg, try, "no %s in the image after layer %d", fromRoot(arg), last)
}

// maxAlike is the maximum number of names to compare a mistyped one with.
const maxAlike = 10_000

// meantPath returns the path that p is probably a misspelling of: all but one name must be right.
// dir is the directory of the first name that does not exist. "" if no name there is similar.
func meantPath(t *analyze.Tree, at int, dir, p string) string {
	n, err := analyze.Resolve(t, at, dir, true)
	if err != nil {
		return ""
	}
	above := strings.TrimSuffix(path.Clean(dir), "/") + "/"
	name, below, _ := strings.Cut(strings.TrimPrefix(path.Clean(p), above), "/")
	view := t.View(analyze.Spec{Mode: analyze.Union, At: at})
	var names []string
	for _, child := range t.Children(n) {
		if view.Shows(child) && len(names) < maxAlike {
			names = append(names, t.Name(child))
		}
	}
	meant := alike.Meant(names, name)
	if meant == "" {
		return ""
	}
	if meant = above + meant; below != "" {
		meant += "/" + below
	}
	if _, err := analyze.Resolve(t, at, meant, false); err != nil {
		return ""
	}
	return meant
}

// nearest returns the deepest existing parent of a path.
func nearest(t *analyze.Tree, at int, p string) string {
	for p = path.Clean(p); p != "/"; {
		p = path.Dir(p)
		if n, err := analyze.Resolve(t, at, p, true); err == nil {
			return t.Path(n)
		}
	}
	return "/"
}
