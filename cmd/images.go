package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/redact"
	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
)

func (a *app) imagesCommand() *cobra.Command {
	var asJSON, containers bool
	c := &cobra.Command{
		Use:   "images [registry://HOST/REPO]",
		Short: "List the images on this machine, or the tags of a repository",
		Long: `List the images that peel can open without a registry, newest first: those of Docker, podman and containerd, and those in archives and OCI layouts in the current directory. The last column is the IMAGE to pass to other commands.

peel shows the number of layers only if it can tell without opening the image: for uncompressed archives, and for engines whose files it can read. It reports engines that do not answer on standard error, and fails only if no engine answers and no file holds an image.

With --containers, list containers instead, running or not, with the size of each container's own layer.

With registry://HOST/REPO, list the tags of that repository, with the image that each names; --json adds its digest. peel looks up at most 100 tags, those with the highest versions.`,
		Example: `
# list the tags of a repository
peel images registry://ghcr.io/me/app
# list containers by the size of their own layer, with jq
peel images --containers --json | jq -s 'sort_by(-.size)[] | "\(.size)\t\(.ref)"'
# list the ten largest images, with jq
peel images --json | jq -s 'sort_by(-.size)[:10][].ref'
`,
		Args:              wantArgs(0, 1, "one repository in a registry, or nothing"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.run(func(ctx context.Context, args []string) error {
			switch {
			case len(args) == 1 && containers:
				return usage("peel images --containers, or peel images "+args[0], "a registry has no containers")
			case len(args) == 1:
				return a.repository(ctx, args[0], asJSON)
			}
			return a.images(ctx, containers, asJSON)
		}),
	}
	c.Flags().BoolVar(&containers, "containers", false, "list containers instead of images")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per line (docs/json.md)")
	return c
}

func (a *app) images(ctx context.Context, containers, asJSON bool) error {
	places := source.Places(".", a.options(false, nil))
	places = slices.DeleteFunc(places, func(p source.Place) bool { return p.Containers != containers })
	found, failures, answered := lookAround(ctx, places)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case !answered && containers:
		return failed("peel images, which lists images", "no containers to list: %w", errors.Join(failures...))
	case !answered:
		lines := make([]string, len(failures))
		for i, err := range failures {
			lines[i] = "\n  " + strings.ReplaceAll(err.Error(), "\n", "\n  ")
		}
		return failed("peel FILE, with a saved image (docker save app:1 -o app.tar)",
			"no images to list: no engine answers, and no archive in this folder contains an image%s", strings.Join(lines, ""))
	}
	for _, err := range failures {
		fmt.Fprintln(a.stderr, "peel: "+clean.Line(redact.Text(err.Error())))
	}
	return a.printImages(ctx, found, containers, asJSON)
}

// repository lists the tags of a repository in a registry.
func (a *app) repository(ctx context.Context, ref string, asJSON bool) error {
	if !strings.HasPrefix(ref, "registry://") {
		return usage("peel images registry://HOST/REPO", "%q is not a repository in a registry", ref)
	}
	found, failures, _ := lookAround(ctx, []source.Place{source.Repository(ref, a.options(false, nil))})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := errors.Join(failures...); err != nil {
		if len(found) == 0 {
			return failed("", "cannot list the tags of %w", withRef(ref, err))
		}
		fmt.Fprintln(a.stderr, "peel: "+clean.Line(err.Error()))
	}
	return a.printImages(ctx, found, false, asJSON)
}

func (a *app) printImages(ctx context.Context, found []source.LocalImage, containers, asJSON bool) error {
	return a.print(ctx, func(w io.Writer) error {
		switch {
		case asJSON:
		case containers:
			return report.Containers(w, found, time.Now())
		default:
			return report.Images(w, found, time.Now())
		}
		for i := range found {
			if err := report.ImageJSON(w, &found[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// lookAround asks every place at once. Images are sorted, newest first;
// failures are in the order of places. answered is false if no engine answered
// and no file holds an image.
func lookAround(ctx context.Context, places []source.Place) (found []source.LocalImage, failures []error, answered bool) {
	images, errs := make([][]source.LocalImage, len(places)), make([]error, len(places))
	var all sync.WaitGroup
	for i, p := range places {
		all.Go(func() {
			errs[i] = crash.Do(func() (err error) {
				images[i], err = p.Images(ctx)
				return err
			})
		})
	}
	all.Wait()
	for i, p := range places {
		found = append(found, images[i]...)
		answered = answered || len(images[i]) > 0 || errs[i] == nil && p.Name != "files"
		if errs[i] != nil {
			failures = append(failures, errs[i])
		}
	}
	slices.SortStableFunc(found, func(a, b source.LocalImage) int {
		return cmp.Or(b.Created.Compare(a.Created), human.CompareNames(a.Name, b.Name), strings.Compare(a.Ref, b.Ref))
	})
	return found, failures, answered
}

// completionTime is how long completion in a shell waits for engines.
const completionTime = time.Second

// complete offers images and files for the image, and nothing for paths inside
// it.
func complete(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmp.Or(c.Context(), context.Background()), completionTime)
	defer cancel()
	o := source.Options{Quick: true}
	if f := c.Flag("engine"); f != nil {
		o.Engine = f.Value.String()
	}
	found, _, _ := lookAround(ctx, source.Places(".", o))
	var names []cobra.Completion
	for _, im := range found {
		for _, name := range candidateNames(&im, begun) {
			if name != "" && strings.HasPrefix(name, begun) && clean.Line(name) == name && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names, cobra.ShellCompDirectiveDefault // files, if no image fits
}

// candidateNames returns the names of an image that a shell offers as completions of begun. Full
// references appear only if begun starts like one, because the name is usually enough. A
// container's name alone doesn't name an image.
func candidateNames(im *source.LocalImage, begun string) []string {
	const scheme = "container://"
	switch {
	case im.Container && strings.HasPrefix(begun, scheme+im.Engine+"/"):
		return []string{im.Ref}
	case im.Container && strings.HasPrefix(begun, scheme):
		return []string{scheme + im.Name, im.Ref}
	case im.Container:
		return nil
	case im.Engine == "":
		return []string{im.Ref}
	case strings.HasPrefix(begun, im.Engine):
		return []string{im.Name, im.Ref}
	}
	return []string{im.Name}
}
