package fleet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/peelhq/peel/source"
)

// SourceForms lists the forms of a plan's source, one per line, for help.
const SourceForms = `  registry://HOST/           all repositories that the registry lists
  registry://HOST/REPO/      all tags of a repository
  docker://, podman://, containerd://   all images of that engine
  DIR                        all archives and layouts in a folder
  s3://BUCKET/PREFIX/        all archives and layouts in a bucket below PREFIX/
  @FILE                      references, one per line; lines that begin with # are comments
  IMAGE                      one image, in any form that other commands take`

// each calls fn with the references that a source stands for, and their names, or "" if unknown.
func (p *planner) each(ctx context.Context, s string, fn func(ask, name string) error) error {
	rest, isRegistry := strings.CutPrefix(s, "registry://")
	switch {
	case strings.HasPrefix(s, "@"):
		return p.list(ctx, s[1:], fn)
	case s == "-" || s == "rootfs:-":
		return errors.New("standard input can be read only once, but shards read the image again: save it to a file")
	case isRegistry && strings.Count(rest, "/") == 1 && strings.HasSuffix(rest, "/"):
		return p.catalog(ctx, strings.TrimSuffix(rest, "/"), fn)
	case isRegistry && strings.HasSuffix(rest, "/"):
		return p.tags(ctx, strings.TrimSuffix(rest, "/"), fn)
	case strings.HasPrefix(s, "s3://") && strings.HasSuffix(s, "/"):
		return source.BucketArchives(ctx, s, p.Open, func(images []source.LocalImage) error { return p.named(images, fn) })
	case slices.ContainsFunc(source.Engines(), func(e string) bool { return s == e+"://" }):
		return p.engine(ctx, strings.TrimSuffix(s, "://"), fn)
	}
	if info, err := os.Stat(s); err == nil && info.IsDir() {
		return p.folder(ctx, s, fn)
	}
	return fn(s, "")
}

// list is each for a file of references, which can also be sources.
func (p *planner) list(ctx context.Context, file string, fn func(ask, name string) error) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '@' {
			return fmt.Errorf("%s: a list cannot name another list, %s", file, line)
		}
		if err := p.each(ctx, line, fn); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			p.learn(&partLine{Ask: line, Images: []PlanImage{unreadable(line, line, err)}})
		}
	}
	return lines.Err()
}

// catalog is each for a registry.
func (p *planner) catalog(ctx context.Context, host string, fn func(ask, name string) error) error {
	more, err := p.Open.Registries.Catalog(ctx, host, func(repos []string) error {
		for _, repo := range repos {
			if err := p.tags(ctx, repo, fn); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				ask := "registry://" + repo + "/"
				p.learn(&partLine{Ask: ask, Images: []PlanImage{unreadable(ask, repo, err)}})
			}
		}
		return nil
	})
	if err == nil && more {
		err = errors.New("it has more repositories than peel lists: name them in a file, @FILE")
	}
	return err
}

// tags is each for a repository.
func (p *planner) tags(ctx context.Context, repo string, fn func(ask, name string) error) error {
	tags, more, err := p.Open.Registries.Tags(ctx, repo)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if p.Choice.Tags != "" && !doublestar.MatchUnvalidated(p.Choice.Tags, tag) {
			continue
		}
		if err := fn("registry://"+repo+":"+tag, repo+":"+tag); err != nil {
			return err
		}
	}
	if more {
		return fmt.Errorf("%s has more tags than the %d that peel lists: name the others in a file, @FILE", repo, len(tags))
	}
	return nil
}

// engine is each for the images of an engine.
func (p *planner) engine(ctx context.Context, name string, fn func(ask, name string) error) error {
	opts := p.Open
	opts.Engine = name
	for _, place := range source.Places(".", opts) {
		if place.Name != name {
			continue
		}
		images, err := place.Images(ctx)
		if err != nil && len(images) == 0 {
			return err
		}
		return errors.Join(p.named(images, fn), err)
	}
	return fmt.Errorf("%s lists no images", name)
}

// folder is each for the archives in a folder.
func (p *planner) folder(ctx context.Context, dir string, fn func(ask, name string) error) error {
	images, err := source.Archives(ctx, dir, p.Open)
	if len(images) == 0 && err == nil {
		return fn(dir, "") // the folder itself may be an image
	}
	return errors.Join(p.named(images, fn), err)
}

// named calls fn with listed references.
func (p *planner) named(images []source.LocalImage, fn func(ask, name string) error) error {
	for i := range images {
		if _, tag := splitName(images[i].Name); p.Choice.Tags != "" && !doublestar.MatchUnvalidated(p.Choice.Tags, tag) {
			continue
		}
		if err := fn(images[i].Ref, images[i].Name); err != nil {
			return err
		}
	}
	return nil
}
