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

// Bounds on the cache, in bytes: of all its files together, and of one. What is
// larger than one may be is not kept.
const (
	maxCache     = 256 << 20
	maxCacheFile = 64 << 20
)

// cacheUnit is what a file counts for at least, in bytes: it bounds how many
// files there can be, so that going through them stays cheap.
const cacheUnit = 16 << 10

// staleAfter is the age at which a file that was never finished is one that
// nobody is writing any more.
const staleAfter = time.Hour

// cacheRules names the rules that this program scans by: its version too, in
// case layer.ScanRules was not raised. What was written by other rules is written
// anew.
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

// The names of the cache's files: nothing else is ever read or removed.
var (
	cacheName   = lazy.New(`^[0-9a-f]{64}\.(layer|place|image|text|points)$`)
	partialName = lazy.New(`^[0-9a-f]{32}\.partial$`) // of older versions; see draft.IsTemp
)

// cache keeps what scans have found, in one folder. Several processes may use
// the folder at once: a file appears whole, by renaming, and whatever else is
// found is not used. No method fails: without a cache, everything is scanned.
// A nil cache keeps nothing. Safe for concurrent use.
var _ layer.Cache = (*cache)(nil)

type cache struct {
	root    *os.Root
	log     *slog.Logger
	written atomic.Bool
}

// openCache opens the cache in dir, and makes the folder if it is not there. It
// is nil where there can be none.
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

// cacheFolder opens the folder of a cache, if nobody else can write to it.
func cacheFolder(dir string, create bool) (*os.Root, error) {
	if create {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	// Not through a link: who made it may not be who owns what it leads to.
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

// private reports an error if somebody else can write to a file or folder, or
// owns it.
func private(info fs.FileInfo) error {
	if runtime.GOOS == "windows" { // its modes say nothing; the user's folders are the user's alone
		return nil
	}
	if !ownFile(info) {
		return errors.New("it belongs to somebody else")
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others can write to it (mode %04o)", info.Mode().Perm())
	}
	return nil
}

// close lets go of the folder, and removes what is too much in it if anything
// was added.
func (c *cache) close() error {
	if c == nil {
		return nil
	}
	if c.written.Load() {
		c.evict(maxCache)
	}
	return c.root.Close()
}

// Read returns what the file of that name holds, if there is a whole one.
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
	_ = c.root.Chtimes(name, now, now) // its last use; in a folder that cannot be written to, it does not matter
	return body, true
}

func (c *cache) readFile(name string) (_ []byte, err error) {
	// Looked at first: opening a pipe would wait for somebody to write to it.
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

// Write makes a file of the cache, whole or not at all.
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
	partial bool // being written, or left behind
}

// cacheFiles lists the files of a cache; what else is in the folder is left out.
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
		if info, err := e.Info(); err == nil { // it may just have been removed
			files = append(files, cacheFile{e.Name(), info.Size(), info.ModTime(), partial})
		}
	}
	return files, nil
}

// evict removes the files whose last use lies longest back, until the cache is
// no larger than limit, in bytes; and what was never finished.
func (c *cache) evict(limit int64) {
	files, err := cacheFiles(c.root)
	if err != nil {
		c.log.Debug("the cache cannot be listed", "error", err)
		return
	}
	slices.SortFunc(files, func(a, b cacheFile) int { return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.name, b.name)) })
	var total int64
	for _, f := range files { // the last used first
		if f.partial {
			if time.Since(f.used) > staleAfter {
				_ = c.root.Remove(f.name) // the next one tries again
			}
			continue
		}
		if total += max(f.bytes, cacheUnit); total > limit {
			c.log.Debug("removed from the cache", "name", f.name, "error", c.root.Remove(f.name))
		}
	}
}

// CacheDir returns the folder in which peel keeps what it has found in layers:
// peel in $XDG_CACHE_HOME, or in the system's folder for caches. It need not
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

// CacheUsage returns how many files the cache in dir has, and how many bytes
// they are. Without a folder there are none.
func CacheUsage(dir string) (files int, bytes int64, err error) {
	err = withCache(dir, func(_ *os.Root, f cacheFile) error {
		files++
		bytes += f.bytes
		return nil
	})
	return files, bytes, err
}

// ClearCache removes every file of the cache in dir, and nothing else. It
// returns how many, and how many bytes they were.
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

// withCache calls fn with every file of the cache in dir, until it fails.
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
