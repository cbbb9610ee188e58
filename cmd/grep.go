package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/grep"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
)

// A searching has the options of "peel grep".
type searching struct {
	pattern string // also empty with sums
	ref     string
	at      string // "" for everywhere

	literal    bool
	ignoreCase bool
	text       bool
	files      bool
	count      bool
	most       int
	layer      layerFlag
	visible    bool
	hidden     bool
	filter     string
	sums       []string
	format     choice
}

// grepForms are the forms in which matches are written, the one without -f first.
var grepForms = []string{"text", "json"}

func (a *app) grepCommand() *cobra.Command {
	s := searching{format: choice{what: "format", words: grepForms}}
	c := &cobra.Command{
		Use:   "grep PATTERN IMAGE [PATH]",
		Short: "Search file contents in all layers, deleted and covered files included",
		Long: `Search the files of all layers for lines that match PATTERN, a regular expression (RE2), or, with --sum, for files with a given SHA-256. peel also searches deleted and covered versions of files. PATH limits the search to that path and everything below it.

Each line of output shows the layer that holds the file, whether the file is visible in the final image or which layer hides it and why, the path, the line number and the text. peel searches a file with several names once. For binary files, which have a NUL character near the start, it prints only the name; -a treats them as text. It reads UTF-16 if the file starts with a byte order mark. Control characters are escaped.

The exit code is 0 if peel found something, 1 if not, and 3 if it could not search a layer.`,
		Example: `
# every version of every file with a private key
peel grep -l 'BEGIN [A-Z ]*PRIVATE KEY' app.tar
# what is no longer in the image, but can be read from its layers
peel grep --hidden -i 'password *=' app.tar /srv
# which layers hold this file, under any name
peel grep --sum "$(sha256sum model.bin)" app.tar
`,
		Args:              cobra.ArbitraryArgs, // they depend on flags, some of which come from the environment
		ValidArgsFunction: s.complete,
		RunE: a.run(func(ctx context.Context, args []string) error {
			if err := s.arguments(args); err != nil {
				return err
			}
			return a.grep(ctx, &s)
		}),
	}
	s.flags(c)
	return c
}

// flags adds the command's flags.
func (s *searching) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVarP(&s.ignoreCase, "ignore-case", "i", false, "ignore case")
	f.BoolVarP(&s.literal, "fixed-strings", "F", false, "PATTERN is text, not a regular expression")
	f.BoolVarP(&s.text, "text", "a", false, "treat binary files as text")
	f.BoolVarP(&s.files, "files-with-matches", "l", false, "print only the names of matching files")
	f.BoolVarP(&s.count, "count", "c", false, "print only the number of matching lines of each file")
	f.IntVarP(&s.most, "max-count", "m", 0, "stop after N matching lines in each file (default all)")
	f.Var(&s.layer, "layer", "search only the files that layer N holds")
	f.BoolVar(&s.visible, "visible", false, "only files that the final image shows")
	f.BoolVar(&s.hidden, "hidden", false, "only files that the final image does not show")
	f.StringVar(&s.filter, "filter", "", "only paths that match a filter (docs/find.md)")
	f.StringArrayVar(&s.sums, "sum", nil, "find files by the SHA-256 of their content, instead of PATTERN (repeatable)")
	f.VarP(&s.format, "format", "f", `output format; json prints one object per line (default "text")`)
	offer(c, "format", grepForms...)
}

// arguments reads the arguments, of which the first is the image if there are sums.
func (s *searching) arguments(args []string) error {
	least, what := 2, "a pattern, an image and at most one path"
	if len(s.sums) > 0 {
		least, what = 1, "with --sum, an image and at most one path"
	}
	switch {
	case len(args) < least:
		return usage("peel grep --help", "peel grep needs %s, but got %s", what, human.Count(len(args), "argument", "arguments"))
	case len(args) > least+1:
		return usage("peel grep --help", "peel grep takes %s, but got %s", what, human.Count(len(args), "argument", "arguments"))
	}
	if least == 2 {
		s.pattern, args = args[0], args[1:]
	}
	if slices.Contains(args, "") {
		return usage("peel grep --help", "peel grep takes %s, but one of them is empty", what)
	}
	if s.ref = args[0]; len(args) > 1 {
		s.at = args[1]
	}
	return s.check()
}

// complete offers images for the image, and nothing for the pattern and for paths
// inside the image.
func (s *searching) complete(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(s.sums) == 0 {
		if len(args) == 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		args = args[1:]
	}
	return complete(c, args, begun)
}

// check reports flags that make no sense together.
func (s *searching) check() error {
	switch {
	case s.visible && s.hidden:
		return usage("without them, which means both", "--visible and --hidden exclude each other")
	case s.files && s.count:
		return usage("one of them", "use either -l, which names files, or -c, which counts their lines")
	case s.most < 0:
		return usage("-m 0, for all", "-m %d: the number of lines must not be negative", s.most)
	case len(s.sums) > 0 && (s.ignoreCase || s.literal || s.text || s.count || s.most > 0):
		return usage("--sum alone, with --layer, --visible, --hidden, --filter or -f", "-i, -F, -a, -c and -m apply to a pattern, but --sum compares whole files")
	}
	return nil
}

// options returns the options for analyze, except those that depend on the image.
func (s *searching) options() (o analyze.GrepOptions, err error) {
	o = analyze.GrepOptions{Text: s.text, Files: s.files, Count: s.count, Most: s.most, Among: analyze.Among{Layer: -1}}
	if s.layer.set {
		o.Among.Layer = s.layer.n
	}
	switch {
	case s.visible:
		o.Among.Showing = analyze.OnlyVisible
	case s.hidden:
		o.Among.Showing = analyze.OnlyHidden
	}
	if o.Among.Filter, err = analyze.ParseFilter(s.filter); err != nil {
		return o, usage("docs/find.md, which lists the terms", "--filter: %w", err)
	}
	for _, text := range s.sums {
		sum, err := analyze.ParseSum256(text)
		if err != nil {
			return o, usage("sha256sum FILE", "--sum: %w", err)
		}
		if o.Sums == nil {
			o.Sums = map[analyze.Sum256]bool{}
		}
		o.Sums[sum] = true
	}
	if o.Sums == nil {
		if o.Pattern, err = grep.Parse(s.pattern, grep.Options{Literal: s.literal, IgnoreCase: s.ignoreCase}); err != nil {
			return o, usage("-F, which treats the pattern as text", "the pattern cannot be read: %w", err)
		}
	}
	return o, nil
}

// errNothing says that nothing was found. It is not printed: the exit code says it.
var errNothing = errors.New("nothing was found")

func (a *app) grep(ctx context.Context, s *searching) error {
	o, err := s.options()
	if err != nil {
		return err
	}
	if err := a.guard(printed, s.ref); err != nil {
		return err
	}
	an, err := a.load(ctx, s.ref, true)
	if err != nil {
		return s.swapped(err)
	}
	defer an.Image.Close()
	if err := s.layer.within("--layer", an.Tree); err != nil {
		return err
	}
	if s.at != "" {
		if o.Among.At, err = ever(an, s.at); err != nil {
			return err
		}
		if note := notRead(an, s.at); note != "" {
			a.say("%s", note)
		}
	}
	result, matches, err := a.searchIn(ctx, an, s, o)
	if err != nil {
		return err
	}
	if err := notSearched(an, result); err != nil {
		return err
	}
	if matches == 0 {
		return errNothing
	}
	return nil
}

// swapped adds advice to the error for an image that can't be opened: if the pattern names an
// image, the advice says that the pattern comes first.
func (s *searching) swapped(err error) error {
	known := (*failure)(nil)
	if len(s.sums) > 0 || !errors.As(err, &known) || !errors.Is(err, source.ErrNotFound) {
		return err
	}
	path, isPath := source.PathOf(s.pattern)
	if isPath {
		_, missing := os.Stat(path)
		isPath = missing == nil
	}
	if !isPath && source.EngineOf(s.pattern) == "" && !strings.HasPrefix(s.pattern, "registry://") {
		return err
	}
	return &failure{known.code, err, "peel grep PATTERN IMAGE: the pattern comes first, and " + clean.Text(s.pattern) + " names an image"}
}

// searchIn searches an image and prints the matches.
func (a *app) searchIn(ctx context.Context, an *analyze.Analysis, s *searching, o analyze.GrepOptions) (result analyze.Grepped, matches int, err error) {
	shown := a.startProgress("searching")
	stop := sync.OnceFunc(shown.stop)
	defer stop()
	o.Progress = func(bytes, of int64, layers, ofLayers int) {
		shown.report(source.Progress{What: s.ref, Bytes: bytes, TotalBytes: of, Layers: layers, TotalLayer: ofLayers})
	}
	_, live := terminal(a.stdout)
	form := report.GrepJSON
	if s.format.value != "json" {
		form = a.layout(printed[0]).Grep
	}
	var reading error
	err = a.print(ctx, func(w io.Writer) error {
		var writing error
		result, reading = analyze.Grep(ctx, an, o, func(m *analyze.Match) error {
			matches++
			writing = form(w, m)
			if out, ok := w.(interface{ Flush() error }); live && ok && writing == nil {
				stop() // matches are printed on its line
				writing = out.Flush()
			}
			return writing
		})
		return writing
	})
	if err == nil && reading != nil {
		err = failed("", "cannot search %w", withRef(s.ref, reading))
	}
	return result, matches, err
}

// notSearched returns an error if the search is incomplete.
func notSearched(an *analyze.Analysis, g analyze.Grepped) error {
	var why []string
	for _, i := range g.Unread {
		why = append(why, fmt.Sprintf("layer %d cannot be read: %v", i, an.Image.Layers[i].Err))
	}
	for i, c := range g.Holes {
		if i == notesShown {
			why = append(why, fmt.Sprintf("and %d more files with holes", len(g.Holes)-i))
			break
		}
		why = append(why, fmt.Sprintf("layer %d: %s has %s, nearly all of them holes: its SHA-256 would take too long", c.Layer(), clean.Text(c.Path()), human.Size(c.Size())))
	}
	if len(why) == 0 {
		return nil
	}
	return failed("", "the search is incomplete\n- %s", strings.Join(why, "\n- "))
}
