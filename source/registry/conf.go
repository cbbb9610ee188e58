package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/peelhq/peel/internal/settings"
)

// conf is the content of registries.conf, including overriding files. Source:
// containers-registries.conf(5), version 2, and
// containers-registries.conf.d(5).
type conf struct {
	files    []string // files that were read, for messages
	search   []string // unqualified-search-registries
	aliases  map[string]string
	prefixes []confRegistry
}

// confFile is the format of the file.
type confFile struct {
	Search     *[]string         `toml:"unqualified-search-registries"`
	Registries []confRegistry    `toml:"registry"`
	Aliases    map[string]string `toml:"aliases"`

	// Version 1, which is rejected: ignoring it could reach a blocked registry.
	Old *struct {
		Search, Insecure, Block struct {
			Registries []string `toml:"registries"`
		}
	} `toml:"registries"`
}

// confRegistry is one [[registry]].
type confRegistry struct {
	Prefix     string       `toml:"prefix"`
	Location   string       `toml:"location"`
	Insecure   bool         `toml:"insecure"`
	Blocked    bool         `toml:"blocked"`
	DigestOnly bool         `toml:"mirror-by-digest-only"`
	Mirrors    []confMirror `toml:"mirror"`
	file       string
}

type confMirror struct {
	Location string `toml:"location"`
	Insecure bool   `toml:"insecure"`
	Pull     string `toml:"pull-from-mirror"` // "all" or "", "digest-only", "tag-only"
}

// Limits on these files.
const (
	maxDropIns = 1000
	maxMirrors = 20 // for one registry
)

// readConf reads registries.conf: CONTAINERS_REGISTRIES_CONF, else the user's, else the system's;
// then the drop-in files next to the latter two, in the order of their names, which override it.
func readConf() (*conf, error) {
	c := &conf{aliases: map[string]string{}}
	main := os.Getenv("CONTAINERS_REGISTRIES_CONF")
	if main == "" {
		main = systemFile("etc/containers/registries.conf")
		if user := userConfig("registries.conf"); user != "" {
			if _, err := os.Stat(user); err == nil {
				main = user
			}
		}
	}
	for _, file := range slices.Concat([]string{main}, dropIns(systemFile("etc/containers/registries.conf.d")), dropIns(userConfig("registries.conf.d"))) {
		if file == "" {
			continue
		}
		if err := c.add(file); err != nil {
			return nil, fmt.Errorf("reading registries.conf: %w", err)
		}
	}
	// The user's answers to podman's questions override the distribution's settings.
	if dir := cacheHome(); dir != "" {
		var recorded confFile
		if found, err := settings.TOML(filepath.Join(dir, "containers", "short-name-aliases.conf"), &recorded); found && err == nil {
			maps.Copy(c.aliases, recorded.Aliases)
		}
	}
	return c, nil
}

func cacheHome() string {
	if dir := os.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	if home := homeDir(); home != "" {
		return filepath.Join(home, ".cache")
	}
	return ""
}

// dropIns returns the drop-in files of a folder.
func dropIns(dir string) []string {
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var out []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".conf" && len(out) < maxDropIns {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out
}

// add applies a file that overrides earlier ones.
func (c *conf) add(file string) error {
	var f confFile
	found, err := settings.TOML(file, &f)
	if err != nil || !found {
		return err
	}
	c.files = append(c.files, file)
	return c.lay(file, &f)
}

func (c *conf) lay(file string, f *confFile) error {
	if f.Old != nil {
		return fmt.Errorf("%s: it is in the version 1 format, which podman dropped too: rewrite it with [[registry]]", file)
	}
	if f.Search != nil {
		c.search = *f.Search
	}
	maps.Copy(c.aliases, f.Aliases)
	for _, r := range f.Registries {
		r.file = file
		if r.Prefix == "" {
			r.Prefix = r.Location
		}
		if r.Location == "" && !strings.HasPrefix(r.Prefix, "*.") {
			r.Location = r.Prefix
		}
		switch {
		case r.Prefix == "":
			return fmt.Errorf("%s: a [[registry]] with neither a prefix nor a location", file)
		case len(r.Mirrors) > maxMirrors:
			return fmt.Errorf("%s: more than %d mirrors of %s", file, maxMirrors, r.Prefix)
		}
		for _, m := range r.Mirrors {
			if !slices.Contains([]string{"", "all", "digest-only", "tag-only"}, m.Pull) {
				return fmt.Errorf("%s: pull-from-mirror of %s: it is %q, not all, digest-only or tag-only", file, m.Location, m.Pull)
			}
		}
		same := func(have confRegistry) bool { return have.Prefix == r.Prefix }
		c.prefixes = append(slices.DeleteFunc(c.prefixes, same), r)
	}
	return nil
}

// registry returns the [[registry]] with the longest prefix of a full reference, "host/path:tag"
// or "host/path@digest"; nil if none matches.
func (c *conf) registry(ref string) *confRegistry {
	var best *confRegistry
	longest := 0
	for i := range c.prefixes {
		r := &c.prefixes[i]
		if n := prefixLen(ref, r.Prefix); n > longest {
			best, longest = r, n
		}
	}
	return best
}

// prefixLen returns how many bytes of a reference match a prefix, 0 if it does not match.
// "*.example.com" matches every host below.
func prefixLen(ref, prefix string) int {
	n := len(prefix)
	if host, ok := strings.CutPrefix(prefix, "*"); ok {
		name, _, _ := strings.Cut(ref, "/")
		bare, _, _ := strings.Cut(name, ":")
		if !strings.HasPrefix(host, ".") || !strings.HasSuffix(bare, host) || strings.Contains(host, "/") {
			return 0
		}
		return len(name)
	}
	if !strings.HasPrefix(ref, prefix) {
		return 0
	}
	// It must end at a component of the name.
	if len(ref) == n || strings.ContainsRune("/:@", rune(ref[n])) {
		return n
	}
	return 0
}

// A location is a repository at some host, as rewritten by registries.conf.
type location struct {
	name     string // "host/path"
	insecure bool
	mirror   bool
}

// locations returns the places to look for a reference, in order: the mirrors, then the place
// itself. repo is "host/path", ref includes the tag or digest.
func (c *conf) locations(repo, ref string, byDigest bool) ([]location, error) {
	r := c.registry(ref)
	if r == nil {
		return []location{{name: repo}}, nil
	}
	if r.Blocked {
		return nil, fail(ErrBlocked, ref, "", "%s blocks %s", r.file, r.Prefix)
	}
	covered := min(prefixLen(ref, r.Prefix), len(repo))
	rewrite := func(location string) string {
		if location == "" { // a wildcard prefix keeps the name
			return repo
		}
		return location + repo[covered:]
	}
	var out []location
	for _, m := range r.Mirrors {
		if byDigest && m.Pull == "tag-only" || !byDigest && (m.Pull == "digest-only" || r.DigestOnly) {
			continue
		}
		out = append(out, location{rewrite(m.Location), m.Insecure, true})
	}
	return append(out, location{name: rewrite(r.Location), insecure: r.Insecure}), nil
}
