package cmd

import (
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
)

// noDockerfile is the value for no Dockerfile.
const noDockerfile = "none"

// foundDockerfiles are the names of Dockerfiles in the working directory.
var foundDockerfiles = []string{"Dockerfile", "Containerfile"}

// A buildFile is a Dockerfile that an image may have been built from.
type buildFile struct {
	*dockerfile.File
	sure bool // it was named for this image; otherwise it must fit the image
}

// readDockerfile reads the Dockerfile that findings refer to.
func readDockerfile(name string) (*dockerfile.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, usage("", "cannot read the Dockerfile: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, dockerfile.MaxSize+1)) // one byte more, so that Parse reports a file that is too large
	if err != nil {
		return nil, usage("", "cannot read the Dockerfile: %w", err)
	}
	d, err := dockerfile.Parse(filepath.ToSlash(name), text)
	if err != nil {
		return nil, usage("", "cannot read the Dockerfile: %w", err)
	}
	return d, nil
}

// buildFiles returns the possible Dockerfiles of an image: the named one, else those found,
// likeliest first. alone says that the check has only this image: then a Dockerfile named for all
// images is this image's.
func (a *app) buildFiles(r *ruling, alone bool) ([]buildFile, error) {
	if p := r.dockerfile; p != nil {
		if p.text == noDockerfile {
			return nil, nil
		}
		d, err := readDockerfile(p.path())
		if err != nil {
			return nil, err
		}
		return []buildFile{{d, alone || p.own}}, nil
	}
	return a.nearbyFiles(), nil
}

// namedOrNearby returns the possible Dockerfiles of an image: the named one, none for "none",
// else those in the working directory.
func (a *app) namedOrNearby(name string) ([]buildFile, error) {
	switch name {
	case noDockerfile:
		return nil, nil
	case "":
		return a.nearbyFiles(), nil
	}
	d, err := readDockerfile(name)
	if err != nil {
		return nil, err
	}
	return []buildFile{{d, true}}, nil
}

// useDockerfiles makes findings refer to the lines of the image's Dockerfile: that of the build,
// else the one in --dockerfile, else one in the working directory that fits the image. It ignores
// unreadable ones of the latter.
func (a *app) useDockerfiles() ([]buildFile, error) {
	files, err := a.namedOrNearby(a.named)
	if err != nil {
		return nil, err
	}
	files = append(slices.Clip(a.built), files...)
	for _, f := range files {
		a.dockerfiles = append(a.dockerfiles, f.File)
	}
	return files, nil
}

// nearbyFiles returns the Dockerfiles of the working directory, the likelier one first.
func (a *app) nearbyFiles() []buildFile {
	var all []buildFile
	for _, name := range foundDockerfiles {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		d, err := readDockerfile(name)
		if err != nil {
			a.logger().Debug("not used", "error", err)
			continue
		}
		all = append(all, buildFile{File: d})
	}
	return all
}

// builtFrom returns the one of these Dockerfiles that an image was built from, or nil.
func builtFrom(an *analyze.Analysis, files []buildFile) *dockerfile.File {
	for _, f := range files {
		if d, fits := dockerfile.For(an.Image, f.File); f.sure || fits {
			return d
		}
	}
	return nil
}

// path returns the path of a place. In a rules file, a place is relative to that file.
func (p *place) path() string {
	if p.file == nil || filepath.IsAbs(filepath.FromSlash(p.text)) {
		return p.text
	}
	return filepath.Join(filepath.Dir(p.file.path), filepath.FromSlash(p.text))
}
