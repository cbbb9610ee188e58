package cmd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/peelhq/peel/internal/lazy"
	"github.com/peelhq/peel/internal/redact"
)

const (
	// maxExtends is the maximum depth of extended files.
	maxExtends = 8
	// maxRulesFiles is the maximum number of rules files.
	maxRulesFiles = 32
	// fetchTime is how long fetching one file may take.
	fetchTime = 30 * time.Second
	// maxRedirects is the maximum number of redirects.
	maxRedirects = 5
)

// An extension is a rules file that another one extends.
type extension struct {
	path   string // as written, with slashes; "" for a URL
	url    string
	sha256 string // of the URL's content, 64 hexadecimal digits in lower case
	line   int
}

// shaDigits matches a digest in a rules file.
var shaDigits = lazy.New(`^(?:sha256:)?([0-9a-fA-F]{64})$`)

// readExtends reads one file to extend, or a list of them.
func (f *rulesFile) readExtends(key, value *yaml.Node) error {
	items := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		if items = value.Content; len(items) == 0 {
			return at(key, "%s: the list is empty", extendsKey)
		}
	}
	for _, item := range items {
		x := extension{line: item.Line}
		var err error
		if item.Kind == yaml.MappingNode {
			err = x.readMap(item)
		} else {
			err = x.readText(key, item)
		}
		if err != nil {
			return err
		}
		if x.url == "" && f.dir == "" {
			return at(item, "%s: %q: a fetched file can extend only a URL", extendsKey, x.path)
		}
		f.extends = append(f.extends, x)
	}
	return nil
}

// readMap reads {url: ..., sha256: ...}.
func (x *extension) readMap(item *yaml.Node) error {
	err := pairs(item, func(key, value *yaml.Node) (err error) {
		switch key.Value {
		case "url":
			x.url, err = text(key, value)
		case "sha256":
			x.sha256, err = text(key, value)
		default:
			err = unknownKey(key, []string{"url", "sha256"})
		}
		return err
	})
	if err != nil {
		return err
	}
	if x.url == "" {
		return at(item, "%s: the url is missing", extendsKey)
	}
	return x.complete(item)
}

// readText reads a path, or a URL with its digest behind it.
func (x *extension) readText(key, item *yaml.Node) error {
	word, err := text(key, item)
	if err != nil {
		return err
	}
	if !strings.Contains(word, "://") {
		x.path = word
		return nil
	}
	x.url, x.sha256, _ = strings.Cut(word, "#")
	return x.complete(item)
}

// complete checks a URL and its digest.
func (x *extension) complete(item *yaml.Node) error {
	m := shaDigits.FindStringSubmatch(x.sha256)
	if m == nil {
		return at(item, "%s: add the digest of the file at the URL: https://example.com/rules.yaml#sha256:... (sha256sum computes it)", extendsKey)
	}
	x.sha256 = strings.ToLower(m[1])
	u, err := url.Parse(x.url)
	switch {
	case err != nil:
		return at(item, "%s: %s", extendsKey, redact.Text(err.Error()))
	case u.User != nil:
		return at(item, "%s: the URL contains a user name or password, which everyone with the file can read", extendsKey)
	case !fetchable(u):
		return at(item, "%s: %q: only https is fetched", extendsKey, u.Redacted())
	}
	return nil
}

// fetchable reports whether a file may be fetched from an address: by https, or from this
// machine.
func fetchable(u *url.URL) bool {
	if u.Host == "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// fetch returns the content of a URL and verifies its digest.
func (a *app) fetch(ctx context.Context, x extension) ([]byte, error) {
	kept := ""
	if dir := a.cacheFolder(); dir != "" {
		kept = filepath.Join(dir, "rules", x.sha256+".yaml")
		if data, err := readBounded(kept, false); err == nil && digest(data) == x.sha256 {
			return data, nil
		}
	}
	if a.offline {
		return nil, fmt.Errorf("%s is not in the cache, and --offline forbids fetching it", redact.Text(x.url))
	}
	data, err := a.get(ctx, x.url)
	if err != nil {
		return nil, fmt.Errorf("cannot fetch %s: %w", redact.Text(x.url), err)
	}
	if got := digest(data); got != x.sha256 {
		return nil, fmt.Errorf("%s has changed: its digest is sha256:%s, not sha256:%s as in %s", redact.Text(x.url), got, x.sha256, extendsKey)
	}
	if kept != "" { // ignore a cache that is not writable
		if err := os.MkdirAll(filepath.Dir(kept), 0o700); err == nil {
			if err := writeFile(ctx, kept, func(w io.Writer) error { _, err := w.Write(data); return err }); err != nil {
				a.logger().Debug("rules not cached", "error", err)
			}
		}
	}
	return data, nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// get asks a server for a rules file.
func (a *app) get(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	name, _ := version()
	request.Header.Set("User-Agent", "peel/"+name)
	client := http.Client{CheckRedirect: func(next *http.Request, before []*http.Request) error {
		if len(before) > maxRedirects {
			return errors.New("too many redirects")
		}
		if !fetchable(next.URL) {
			return fmt.Errorf("it redirects to %s: only https is fetched", next.URL.Redacted())
		}
		return nil
	}}
	response, err := client.Do(request)
	if err != nil {
		return nil, errors.New(redact.Text(err.Error()))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %s", response.Status)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxRulesFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxRulesFile:
		return nil, fmt.Errorf("it has more than %d bytes, the maximum for rules", maxRulesFile)
	}
	return data, nil
}

// A chain reads rules files, and those that they extend.
type chain struct {
	a     *app
	ctx   context.Context //nolint:containedctx // it lives as long as one call of load
	root  string          // canonical; no path may leave it
	files []*rulesFile    // extended files come first
	open  []string        // being read: canonical paths and URLs
	done  map[string]bool // that have been read
	count int
}

// load reads the rules file at path, and before it those that it extends.
func (a *app) loadRules(ctx context.Context, path string, named bool) ([]*rulesFile, error) {
	c := &chain{a: a, ctx: ctx, done: map[string]bool{}}
	data, err := readBounded(path, named)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	dirs := searched(dir)
	if c.root, err = filepath.EvalSymlinks(dirs[len(dirs)-1]); err != nil {
		return nil, err
	}
	id, err := filepath.EvalSymlinks(path)
	if err != nil {
		id = path
	}
	if id, err = filepath.Abs(id); err != nil {
		return nil, err
	}
	if err := c.add(id, path, dir, data, named); err != nil {
		return nil, err
	}
	return c.files, nil
}

// add reads a file's content after the files that it extends. id identifies it.
func (c *chain) add(id, path, dir string, data []byte, named bool) error {
	if c.count++; c.count > maxRulesFiles {
		return fmt.Errorf("%s: more than %d rules files", path, maxRulesFiles)
	}
	f := &rulesFile{path: path, dir: dir}
	if err := f.parse(data, named); err != nil {
		return located(err, path)
	}
	c.open = append(c.open, id)
	for _, x := range f.extends {
		if err := c.extend(f, x); err != nil {
			return located(&lineError{line: x.line, err: fmt.Errorf("%s: %w", extendsKey, err)}, path)
		}
	}
	c.open = c.open[:len(c.open)-1]
	c.done[id] = true
	c.files = append(c.files, f)
	return nil
}

// extend reads a file that f extends.
func (c *chain) extend(f *rulesFile, x extension) error {
	id, path, dir := x.url, x.url, ""
	if x.url == "" {
		if filepath.IsAbs(filepath.FromSlash(x.path)) {
			return fmt.Errorf("%q: give a path relative to the file", x.path)
		}
		file := filepath.Join(f.dir, filepath.FromSlash(x.path))
		target, err := filepath.EvalSymlinks(file)
		if err != nil {
			return fmt.Errorf("cannot read it: %w", withoutCall(err))
		}
		if rel, err := filepath.Rel(c.root, target); err != nil || !filepath.IsLocal(rel) {
			return fmt.Errorf("%q lies outside of the repository", x.path)
		}
		id, dir = target, filepath.Dir(file)
		path = filepath.ToSlash(filepath.Join(filepath.Dir(f.path), filepath.FromSlash(x.path)))
	}
	switch {
	case slices.Contains(c.open, id):
		return fmt.Errorf("%s extends itself", path)
	case c.done[id]: // reached in another way: it counts once, at its first place
		return nil
	case len(c.open) >= maxExtends:
		return fmt.Errorf("more than %d files extend each other", maxExtends)
	}
	var data []byte
	var err error
	if x.url != "" {
		data, err = c.a.fetch(c.ctx, x)
	} else {
		data, err = readBounded(id, false)
	}
	if err != nil {
		return err
	}
	return c.add(id, path, dir, data, false)
}
