package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/peelhq/peel/internal/draft"
	"github.com/peelhq/peel/internal/grow"
	"github.com/peelhq/peel/internal/lazy"
	"github.com/peelhq/peel/source/layer"
)

// Limits on the cache, in bytes: for all its files, and for one file. Larger files are not kept.
const (
	maxCache     = 256 << 20
	maxCacheFile = 64 << 20
)

// cacheUnit is the least that a file counts for, in bytes. It limits the number of files, so that
// listing them stays cheap.
const cacheUnit = 16 << 10

// staleAfter is the age from which an unfinished file counts as abandoned.
const staleAfter = time.Hour

// cacheRules identifies the rules that this program scans by. It includes the
// program's version, in case nobody raised layer.ScanRules. Files written by
// other rules are replaced.
var cacheRules = sync.OnceValue(func() uint64 {
	rules := []string{fmt.Sprint(layer.ScanRules)}
	if info, ok := debug.ReadBuildInfo(); ok {
		rules = append(rules, info.Main.Version)
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" || s.Key == "vcs.modified" {
				rules = append(rules, s.Value)
			}
		}
	}
	return xxh3.HashString(strings.Join(rules, " "))
})

// The names of the cache's files. No other file is ever read or removed.
var (
	cacheName   = lazy.New(`^[0-9a-f]{64}\.(layer|place|image|text|points)$`)
	partialName = lazy.New(`^[0-9a-f]{32}\.partial$`) // written by older versions; see draft.IsTemp
)

// cache stores the results of scans in one folder. Several processes may use
// the folder at once: files are written under a temporary name and renamed, and
// damaged files are ignored. No method fails; without a cache, everything is
// scanned. A nil cache stores nothing. Safe for concurrent use.
var _ layer.Cache = (*cache)(nil)

type cache struct {
	root    *os.Root
	log     *slog.Logger
	written atomic.Bool
}

// openCache opens the cache in dir and creates the folder if necessary. It returns nil if the
// folder can't be used.
func openCache(dir string, log *slog.Logger) *cache {
	if dir == "" {
		return nil
	}
	root, err := cacheFolder(dir, true)
	if err != nil {
		log.Debug("no cache", "folder", dir, "error", err)
		return nil
	}
	return &cache{root: root, log: log}
}

// cacheFolder opens the folder of a cache if no other user can write to it.
func cacheFolder(dir string, create bool) (*os.Root, error) {
	if create {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	// Don't follow a link: its owner may not be the owner of its target.
	if info, err := os.Lstat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, errors.New("not a folder")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	if err == nil {
		err = private(info)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// private returns an error if another user owns a file or folder, or can write to it.
func private(info fs.FileInfo) error {
	if runtime.GOOS == "windows" { // modes say nothing there; user folders are private
		return nil
	}
	if !ownFile(info) {
		return errors.New("it belongs to another user")
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others can write to it (mode %04o)", info.Mode().Perm())
	}
	return nil
}

// close closes the folder. If anything was added, it first evicts files beyond the limit.
func (c *cache) close() error {
	if c == nil {
		return nil
	}
	if c.written.Load() {
		c.evict(maxCache)
	}
	return c.root.Close()
}

// Read returns the content of the named file if the file is intact.
func (c *cache) Read(name, kind string) ([]byte, bool) {
	file, err := c.readFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	var body []byte
	if err == nil {
		body, err = unseal(name, kind, file)
	}
	if err != nil {
		c.log.Debug("a file of the cache cannot be used", "name", name, "error", err)
		return nil, false
	}
	now := time.Now()
	_ = c.root.Chtimes(name, now, now) // marks the last use; fails harmlessly in a read-only folder
	return body, true
}

func (c *cache) readFile(name string) (_ []byte, err error) {
	// Check first: opening a pipe would block until something writes to it.
	info, err := c.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	f, err := c.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if err := private(info); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxCacheFile {
		return nil, errCacheFile
	}
	grow.Ask(info.Size())
	b := make([]byte, info.Size())
	_, err = io.ReadFull(f, b)
	return b, err
}

// Write creates a file of the cache atomically.
func (c *cache) Write(name, kind string, body []byte) {
	if len(body) > maxCacheFile-frameSize {
		c.log.Debug("too large for the cache", "name", name, "bytes", len(body))
		return
	}
	if err := c.writeFile(name, seal(name, kind, body)); err != nil {
		c.log.Debug("the cache cannot be written to", "name", name, "error", err)
		return
	}
	c.written.Store(true)
}

func (c *cache) writeFile(name string, b []byte) (err error) {
	d, err := draft.New(c.root, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Discard()) }()
	if _, err := d.Write(b); err != nil {
		return err
	}
	return d.Replace(name)
}

// A cacheFile is one file of a cache.
type cacheFile struct {
	name    string
	bytes   int64
	used    time.Time
	partial bool // being written, or abandoned
}

// cacheFiles lists the files of a cache. It skips all other files in the folder.
func cacheFiles(root *os.Root) (_ []cacheFile, err error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var files []cacheFile
	for _, e := range entries {
		partial := draft.IsTemp(e.Name()) || partialName.MatchString(e.Name())
		if !partial && !cacheName.MatchString(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err == nil { // otherwise just removed
			files = append(files, cacheFile{e.Name(), info.Size(), info.ModTime(), partial})
		}
	}
	return files, nil
}

// evict removes the least recently used files until the cache has at most limit bytes. It also
// removes abandoned unfinished files.
func (c *cache) evict(limit int64) {
	files, err := cacheFiles(c.root)
	if err != nil {
		c.log.Debug("the cache cannot be listed", "error", err)
		return
	}
	slices.SortFunc(files, func(a, b cacheFile) int { return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.name, b.name)) })
	var total int64
	for _, f := range files { // most recently used first
		if f.partial {
			if time.Since(f.used) > staleAfter {
				_ = c.root.Remove(f.name) // the next eviction tries again
			}
			continue
		}
		if total += max(f.bytes, cacheUnit); total > limit {
			c.log.Debug("removed from the cache", "name", f.name, "error", c.root.Remove(f.name))
		}
	}
}

// CacheDir returns the folder in which peel stores what it found in layers:
// peel in $XDG_CACHE_HOME, or in the system's cache folder. The folder may not
// exist.
func CacheDir() (string, error) {
	if dir := os.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "peel"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "peel"), nil
}

// CacheUsage returns the number of files of the cache in dir, and their size in bytes. Both are 0
// if the folder does not exist.
func CacheUsage(dir string) (files int, bytes int64, err error) {
	err = withCache(dir, func(_ *os.Root, f cacheFile) error {
		files++
		bytes += f.bytes
		return nil
	})
	return files, bytes, err
}

// ClearCache removes every file of the cache in dir, and no other file. It returns their number
// and their size in bytes.
func ClearCache(ctx context.Context, dir string) (files int, bytes int64, err error) {
	err = withCache(dir, func(root *os.Root, f cacheFile) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := root.Remove(f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		files++
		bytes += f.bytes
		return nil
	})
	return files, bytes, err
}

// withCache calls fn with every file of the cache in dir until fn fails.
func withCache(dir string, fn func(*os.Root, cacheFile) error) (err error) {
	root, err := cacheFolder(dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	files, err := cacheFiles(root)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := fn(root, f); err != nil {
			return err
		}
	}
	return nil
}
