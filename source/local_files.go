package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/peelhq/peel/internal/lazy"
	"github.com/peelhq/peel/source/layer"
)

// Limits on listing a folder, which may hold anything.
const (
	maxFolderEntries = 10_000                 // entries of the folder that are inspected
	maxArchives      = 200                    // archives and layouts that are opened
	lookTime         = 500 * time.Millisecond // for one archive or layout
	allLooksTime     = 3 * time.Second        // for all of them
	maxHead          = 1 << 20                // bytes read from a compressed archive
	maxHeadMembers   = 4                      // members inspected in it
)

// archiveSuffixes are the usual suffixes of image archives.
var archiveSuffixes = []string{".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tbz"}

// files lists the images in the archives and layouts of a folder. It selects
// files by name, then by content. It looks into a folder only if that is a
// layout.
func (l *lister) files(ctx context.Context) ([]LocalImage, error) {
	dir := l.dir
	names, left, err := archivesIn(dir, maxArchives)
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	looks, cancel := context.WithTimeout(ctx, allLooksTime)
	defer cancel()
	var out []LocalImage
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		out = append(out, l.inside(looks, dir, name)...)
	}
	if left != "" {
		return out, fmt.Errorf("files: %s", left)
	}
	return out, nil
}

// archivesIn returns the sorted names of possible image files: archives by
// name, layouts by their files. left says what was not inspected, or "".
func archivesIn(dir string, most int) (names []string, left string, err error) {
	if isLayout(dir) {
		names = append(names, ".")
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	entries, err := f.ReadDir(maxFolderEntries)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	if more, _ := f.ReadDir(1); len(more) > 0 {
		left = fmt.Sprintf("only %d entries of the folder were looked at", maxFolderEntries)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		// Follow links: folders of images often contain them.
		path := filepath.Join(dir, e.Name())
		if !e.IsDir() && !hasSuffix(e.Name()) && e.Type()&fs.ModeSymlink == 0 {
			continue
		}
		switch info, err := os.Stat(path); {
		case err != nil:
			continue
		case info.Mode().IsRegular() && !hasSuffix(e.Name()), info.IsDir() && !isLayout(path), !info.Mode().IsRegular() && !info.IsDir():
			continue
		}
		if len(names) == most {
			return names, fmt.Sprintf("only the first %d archives were looked into", most), nil
		}
		names = append(names, e.Name())
	}
	return names, left, nil
}

// isLayout reports whether a folder contains an OCI layout.
func isLayout(dir string) bool {
	for _, name := range []string{"oci-layout", ociIndexName} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// inside lists the images in an archive or layout: by name if that can be found out quickly, else
// only the file; nothing if it holds no images.
func (l *lister) inside(ctx context.Context, dir, name string) []LocalImage {
	path := filepath.Join(dir, name)
	file := LocalImage{Ref: plainRef(path), File: path, Size: -1, Layers: -1}
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	if !info.IsDir() {
		file.Size = info.Size()
		if file.Size == 0 {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	b, err := quickBundle(ctx, path, info)
	if b == nil {
		if errors.Is(err, errNotImages) {
			return nil
		}
		return []LocalImage{file}
	}
	defer func() { _ = b.close() }()
	candidates, err := candidatesOf(ctx, b)
	if err != nil {
		l.Log.Debug("not an archive of images", "file", path, "error", err)
		if info.IsDir() { // it claims to be a layout
			return []LocalImage{file}
		}
		return nil
	}
	return file.holding(ctx, candidates, l.Platform)
}

// plainRef returns a reference that Open treats as this path even if it looks like something
// else, such as "-" or "oci:...".
func plainRef(path string) string {
	if path == "." {
		return "oci:."
	}
	if filepath.IsAbs(path) || !strings.ContainsAny(path, ":") && !strings.HasPrefix(path, "-") && hasSuffix(path) {
		return path
	}
	return "." + string(filepath.Separator) + path
}

func hasSuffix(name string) bool {
	return slices.ContainsFunc(archiveSuffixes, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}

// errNotImages says that an archive holds something other than images.
var errNotImages = errors.New("not an archive of images")

// quickBundle opens a bundle that can be listed without reading it whole. If it
// returns neither an error nor a bundle, the file looks like an archive of
// images, and nothing more can be found out quickly.
func quickBundle(ctx context.Context, path string, info fs.FileInfo) (bundle, error) {
	if info.IsDir() {
		b, err := openFolder(path)
		if err != nil {
			return nil, err
		}
		return b, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err // reported when the file is opened
	}
	return quickArchive(ctx, f, info.Size())
}

// quickArchive is quickBundle for an archive. It closes f unless it returns a bundle, which does.
func quickArchive(ctx context.Context, f archiveFile, size int64) (bundle, error) {
	head := make([]byte, min(whatLen, size))
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), head); err != nil {
		return nil, errors.Join(errNotImages, err, f.Close())
	}
	form, err := sniffWhole(head)
	if err != nil {
		return nil, errors.Join(errNotImages, err, f.Close())
	}
	if form.plain() {
		a, err := openArchive(ctx, f, size)
		if err == nil {
			return a, nil
		}
		// Truncated, or a million files. Its first members show what it is.
	}
	if !looksLikeImages(form, io.NewSectionReader(f, 0, maxHead)) {
		return nil, errors.Join(errNotImages, f.Close())
	}
	return nil, f.Close()
}

// imageMember matches the members of image archives of all known tools: "blobs/...",
// "<id>/layer.tar", "<digest>.tar", "sha256:<digest>".
var imageMember = lazy.New(`^(blobs(/|$)|(oci-layout|index\.json|manifest\.json|repositories)$|(sha256[:_-]+)?[0-9a-f]{64}([./]|$))`)

// looksLikeImages reports whether an archive starts like an image archive.
func looksLikeImages(form wholeForm, r io.Reader) bool {
	z, err := form.unpack(r)
	if err != nil {
		return false
	}
	defer z.Close()
	s := layer.NewTarStream(z)
	var h layer.Header
	for range maxHeadMembers {
		if err := s.Next(&h); err != nil {
			return false
		}
		if imageMember.MatchString(memberName(string(h.Name))) {
			return true
		}
	}
	return false
}

// holding lists the images in a file: a single entry if Open needs no name, else each image by
// its names, or by its number if it has no name. All candidates have been inspected.
func (im LocalImage) holding(ctx context.Context, all []candidate, wanted string) []LocalImage {
	if len(all) == 0 {
		return nil
	}
	if !several(here(all)) {
		if len(all[0].names) > 0 {
			im.Name = all[0].names[0]
		}
		im.take(ctx, all, "", wanted)
		return []LocalImage{im}
	}
	var out []LocalImage
	listed := map[string]bool{}
	for i, c := range all {
		tags := slices.Clone(c.names)
		if len(tags) == 0 {
			if c.broken != nil {
				continue
			}
			tags = []string{fmt.Sprintf("@%d", i)}
		}
		for _, tag := range tags {
			if listed[tag] {
				continue // another platform of the same image
			}
			listed[tag] = true
			named := im
			named.Ref = im.Ref + ":" + tag
			if len(c.names) > 0 {
				named.Name = tag
			}
			named.take(ctx, all, tag, wanted)
			out = append(out, named)
		}
	}
	return out
}

// take adds details of the image that a tag names, if it can be opened before ctx ends.
func (im *LocalImage) take(ctx context.Context, all []candidate, tag, wanted string) {
	if ctx.Err() != nil {
		return
	}
	opened, err := choice{tag: tag, platform: wanted}.choose(ctx, all)
	if err != nil {
		return
	}
	im.ID = opened.ID
	im.opened(opened)
}
