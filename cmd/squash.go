package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// squash has the options of "peel squash".
type squash struct {
	output   string
	layers   string
	compress choice
	tag      string
	force    bool

	to       newImageOutput
	from, up int // the requested range; -1 for the own layers
	created  string
}

func (a *app) squashCommand() *cobra.Command {
	var s squash
	c := &cobra.Command{
		Use:   "squash IMAGE -o OUTPUT",
		Short: "Write the same image with your layers merged into one",
		Long: `Write the same image with its own layers, those above the base image, merged into one. Files that a later layer deletes or replaces no longer ship. peel keeps the base image's layers byte for byte, so that other images can share them, and keeps the config and the history, which then says what was merged. --layers I..J merges those layers instead. With fewer than two layers to merge, peel writes the image unchanged.

OUTPUT is one of:

` + newImageHelp() + `
Finally, peel reads the new image and compares everything it shows with the old one: paths, types, contents, attributes and links. If anything differs, or reading or writing fails, peel leaves OUTPUT as it was.`,
		Example: `
# merge the layers above the base image
peel squash app.tar -o small.tar && docker load -i small.tar
# without a file
peel squash docker://app:1 --name app:small -o - | docker load
# merge some layers, into a layout with a gzip layer
peel squash app.tar --layers 3..7 --compress gzip -o oci:small
# from a registry to a registry, without an engine
peel squash registry://ghcr.io/me/app:1 -o registry://ghcr.io/me/app:1-small
`,
		Args:              wantArgs(1, 1, "one image"),
		ValidArgsFunction: complete,
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.squash(ctx, args[0], &s)
		}),
	}
	c.Flags().StringVarP(&s.output, "output", "o", "", "where to write the image; - is standard output")
	c.Flags().StringVar(&s.layers, "layers", "", "layers to merge, as I..J (default: those above the base image)")
	s.compress = choice{what: "compression", words: source.Compressions}
	c.Flags().Var(&s.compress, "compress", "compress plain layers with gzip or zstd")
	offer(c, "compress", source.Compressions...)
	c.Flags().StringVar(&s.tag, "name", "", "NAME:TAG of the new image (default: that of the old one)")
	c.Flags().BoolVar(&s.force, "force", false, "replace OUTPUT if it exists")
	return c
}

// check reads the flags.
func (s *squash) check(ref string) (err error) {
	if s.output == "" {
		return usage("peel squash "+ref+" -o FILE", "where to write the image: -o is missing")
	}
	if s.to, err = parseNewImage(s.output); err != nil {
		return err
	}
	s.from, s.up = -1, -1
	if s.layers != "" {
		from, to, ok := strings.Cut(s.layers, "..")
		var err1, err2 error
		s.from, err1 = strconv.Atoi(from)
		s.up, err2 = strconv.Atoi(to)
		if !ok || err1 != nil || err2 != nil || s.from < 0 || s.up < s.from {
			return usage("--layers 3..7", "--layers %q: it takes two layers, the lower first", s.layers)
		}
	}
	if s.to.name != "" && s.compress.value == "" {
		s.compress.value = source.Compressions[0] // a registry stores and sends what it is given
	}
	s.created, err = sourceDate()
	return err
}

func (a *app) squash(ctx context.Context, ref string, s *squash) error {
	if err := s.check(ref); err != nil {
		return err
	}
	if s.to.file != "" {
		if err := a.guard([]output{{file: s.to.file}}, ref); err != nil {
			return err
		}
	}
	opts := a.options(false, nil)
	if err := s.to.free(ctx, s.force, opts); err != nil {
		return err
	}
	an, err := a.load(ctx, ref, true)
	if err != nil {
		return err
	}
	defer an.Image.Close()
	job, err := newSquashJob(ctx, an, s)
	if err != nil {
		return failed("", "cannot squash %w", withRef(ref, err))
	}
	p := a.startProgress("writing")
	err = job.write(ctx, a.stdout, s, opts)
	p.stop()
	if err != nil {
		return failed("", "cannot write the squashed image to %s: %w", s.output, err)
	}
	fmt.Fprintln(a.stderr, job.summary(s.output))
	return nil
}

// A squashJob is an image to squash.
type squashJob struct {
	an     *analyze.Analysis
	image  source.NewImage
	merges map[int]*analyze.Merge // by layer of the new image
	old    []int                  // by layer of the new image: the old layer; -1 for a merged one

	before, after analyze.PlanFigures
	unshared      int64
}

// newSquashJob decides which layers to merge.
func newSquashJob(ctx context.Context, an *analyze.Analysis, s *squash) (*squashJob, error) {
	layers := an.Image.Layers
	from, to := s.from, s.up
	if from < 0 {
		from, to = an.Totals.BaseLayers, len(layers)-1
	} else if to >= len(layers) {
		return nil, fmt.Errorf("--layers %s: the image has %s, 0 to %d", s.layers, human.Count(len(layers), "layer", "layers"), len(layers)-1)
	}
	j := &squashJob{
		an:     an,
		image:  source.NewImage{Of: an.Image, Tag: s.tag, Compression: s.compress.value, Created: s.created},
		merges: map[int]*analyze.Merge{},
		before: analyze.FiguresOf(an),
	}
	if j.image.Tag == "" {
		j.image.Tag = source.TagOf(an.Image)
	}
	for k := 0; k < len(layers); k++ {
		end, old := k, k
		if k == from && to > from {
			end, old = to, -1
			j.image.Squash = &source.Squash{From: from, To: to}
			for l := from; l <= to && l < an.Totals.BaseLayers; l++ {
				j.unshared += an.Layers[l].Stored
			}
		} else if err := layers[k].Err; err != nil {
			return nil, fmt.Errorf("layer %d cannot be read, so it cannot be written: %w", k, err)
		} else if !layers[k].StoredAsTar() {
			old = -1
		}
		add := source.NewLayer{Keep: layers[k]}
		if old < 0 {
			m, err := analyze.NewMerge(ctx, an, k, end)
			if err != nil {
				return nil, err
			}
			j.merges[len(j.old)] = m
			add.Tar = m.WriteTar
		}
		j.image.Layers, j.old = append(j.image.Layers, add), append(j.old, old)
		k = end
	}
	return j, nil
}

// write verifies the image, and writes it to its destination.
func (j *squashJob) write(ctx context.Context, stdout io.Writer, s *squash, opts source.Options) error {
	return s.to.write(ctx, stdout, &j.image, s.force, opts, j.verify)
}

// verify compares what the new image shows with what the old one does, and what was read
// with the old one's digests.
func (j *squashJob) verify(ctx context.Context, im *source.Image) error {
	an, err := analyze.Run(ctx, im, analyze.Options{Base: "0"})
	if err != nil {
		return fmt.Errorf("reading the new image: %w", err)
	}
	if len(im.Layers) != len(j.old) {
		return fmt.Errorf("the new image has %d layers, not %d", len(im.Layers), len(j.old))
	}
	sums := map[int]map[int]analyze.ContentSum{}
	taken := map[analyze.ContentPlace]analyze.ContentSum{}
	for k, m := range j.merges {
		if sums[k], err = analyze.SumContents(ctx, im.Layers[k]); err != nil {
			return fmt.Errorf("the new image: %w", err)
		}
		maps.Copy(taken, m.Sums)
	}
	differs, err := analyze.SameUnion(ctx, j.an.Tree, an.Tree, func(a, b analyze.ContentPlace) bool {
		if old := j.old[b.Layer]; old >= 0 {
			return a == analyze.ContentPlace{Layer: old, Entry: b.Entry}
		}
		was, ok := taken[a]
		is, ok2 := sums[b.Layer][b.Entry]
		return ok && ok2 && was == is
	})
	if err != nil {
		return err
	}
	if len(differs) > 0 {
		return errors.New("the new image does not show what the old one does:\n- " + strings.Join(differs, "\n- "))
	}
	if err := j.unchanged(ctx); err != nil {
		return err
	}
	j.after = analyze.FiguresOf(an)
	return nil
}

// unchanged verifies the digests of the merged layers; kept ones are verified while copying.
func (j *squashJob) unchanged(ctx context.Context) error {
	if s := j.image.Squash; s != nil {
		for k := s.From; k <= s.To; k++ {
			if err := j.an.Image.Layers[k].Check(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// summary describes the result.
func (j *squashJob) summary(output string) string {
	s := j.image.Squash
	if s == nil {
		return fmt.Sprintf("nothing to merge: wrote the image as it is to %s", output)
	}
	text := fmt.Sprintf("merged layers %d..%d: %s instead of %d, %s stored instead of %s, %s wasted instead of %s",
		s.From, s.To, human.Count(j.after.Layers, "layer", "layers"), j.before.Layers,
		human.Size(j.after.Stored), human.Size(j.before.Stored), human.Size(j.after.Wasted), human.Size(j.before.Wasted))
	if j.unshared > 0 {
		text += fmt.Sprintf("; %s of base layers are no longer shared", human.Size(j.unshared))
	}
	return text + "\nwrote " + output + ", which shows the same as the old image"
}

// sourceDate is SOURCE_DATE_EPOCH in RFC 3339, "" if it is not set.
// Source: reproducible-builds.org, specs/source-date-epoch.
func sourceDate() (string, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return "", nil
	}
	sec, err := strconv.ParseInt(text, 10, 64)
	if err != nil || sec < 0 || sec > 1<<37 {
		return "", usage("SOURCE_DATE_EPOCH=0", "SOURCE_DATE_EPOCH=%q is not a number of seconds", text)
	}
	return time.Unix(sec, 0).UTC().Format(time.RFC3339), nil
}
