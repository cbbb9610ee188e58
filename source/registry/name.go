package registry

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/opencontainers/go-digest"

	"github.com/peelhq/peel/internal/lazy"
)

// A reference is the full name of an image in a registry.
type reference struct {
	repo   name.Repository
	tag    string        // "" with a digest
	digest digest.Digest // "" without one
}

// host returns the host; Docker Hub is "docker.io".
func (r reference) host() string {
	if hub(r.repo.RegistryStr()) {
		return "docker.io"
	}
	return r.repo.RegistryStr()
}

// path returns the repository in common notation: "docker.io/library/app".
func (r reference) path() string { return r.host() + "/" + r.repo.RepositoryStr() }

func (r reference) String() string {
	if r.digest != "" {
		return r.path() + "@" + r.digest.String()
	}
	return r.path() + ":" + r.tag
}

// id returns the tag or digest for a request.
func (r reference) id() string { return cmp.Or(r.digest.String(), r.tag) }

// parse parses a name: "app", "app:1", "ghcr.io/me/app@sha256:...", or one with tag and digest,
// where the digest counts.
func parse(s string) (reference, error) {
	rest, at, hasDigest := strings.Cut(s, "@")
	var r reference
	if hasDigest {
		r.digest = digest.Digest(at)
		if err := r.digest.Validate(); err != nil {
			return r, fail(ErrNotFound, "", "write NAME@sha256:HEX", "%q is not a digest that peel knows (sha256, sha384, sha512)", said(at))
		}
	}
	t, err := name.NewTag(rest, name.WeakValidation)
	if err != nil || !hostForm.MatchString(t.RegistryStr()) || !pathForm.MatchString(t.RepositoryStr()) || strings.HasSuffix(rest, ":") {
		return r, fail(ErrNotFound, "", "write HOST/REPOSITORY:TAG, in small letters", "%q is not the name of an image", said(s))
	}
	r.repo = t.Repository
	if !hasDigest {
		r.tag = t.TagStr()
	}
	return r, nil
}

// hostForm and pathForm are stricter than go-containerregistry. Sources: OCI
// distribution-spec, "Pulling manifests"; distribution/reference.
var (
	hostForm = lazy.New(`^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?$`)
	pathForm = lazy.New(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
)

// IsName reports whether a text may be the name of an image in a registry.
func IsName(s string) bool {
	_, err := parse(s)
	return err == nil
}

// isShort reports whether a name has no host.
func isShort(s string) bool {
	first, _, more := strings.Cut(s, "/")
	return !more || first != "localhost" && !strings.ContainsAny(first, ".:")
}

// splitShort splits a short name into the part used for aliases, and its tag or digest.
func splitShort(s string) (repo, rest string) {
	if i := strings.IndexByte(s, '@'); i >= 0 {
		repo, rest = s[:i], s[i:]
		if at := strings.LastIndexByte(repo, ':'); at > strings.LastIndexByte(repo, '/') {
			repo = repo[:at]
		}
		return repo, rest
	}
	if at := strings.LastIndexByte(s, ':'); at > strings.LastIndexByte(s, '/') {
		return s[:at], s[at:]
	}
	return s, ""
}

// names returns the possible meanings of a name in order: for a short name its alias, else the
// name in each registry to search, else in Docker Hub.
func (c *conf) names(s string) ([]reference, error) {
	full := []string{s}
	if isShort(s) {
		repo, rest := splitShort(s)
		if alias := c.aliases[repo]; alias != "" {
			full = []string{alias + rest}
		} else if len(c.search) > 0 {
			full = nil
			for _, host := range c.search[:min(len(c.search), maxMirrors)] {
				full = append(full, strings.TrimSuffix(host, "/")+"/"+s)
			}
		}
	}
	var out []reference
	for _, f := range full {
		r, err := parse(f)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// Names returns the full names that a name may stand for, in lookup order and common notation.
func (c *Client) Names(s string) ([]string, error) {
	refs, err := c.references(s)
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = r.String()
	}
	return out, err
}

func (c *Client) references(s string) ([]reference, error) {
	conf, err := c.conf()
	if err != nil {
		return nil, fail(nil, "", "fix that file", "%s", said(err.Error()))
	}
	return conf.names(s)
}

// A Repository is one repository with its mirrors, which are tried first. Safe for concurrent
// use.
type Repository struct {
	client   *Client
	ref      reference
	byTag    []*session // for tag lookups, in order
	byDigest []*session // for manifests and blobs
	memory   memory
	blobsAt  addresses
}

// repository returns the repository of a reference.
func (c *Client) repository(ref reference) (*Repository, error) {
	r := &Repository{client: c, ref: ref}
	if c.Keep {
		c.mu.Lock()
		at, ok := c.repos[ref.path()]
		c.mu.Unlock()
		if ok {
			r.byTag, r.byDigest = at.byTag, at.byDigest
			return r, nil
		}
	}
	var err error
	if r.byTag, err = c.sessions(ref, false); err != nil {
		return nil, err
	}
	if r.byDigest, err = c.sessions(ref, true); err != nil {
		return nil, err
	}
	// Share a session used for both, so that it requests one token.
	for i, s := range r.byDigest {
		same := func(t *session) bool { return t.host == s.host && t.repo == s.repo }
		if at := slices.IndexFunc(r.byTag, same); at >= 0 {
			r.byDigest[i] = r.byTag[at]
		}
	}
	if c.Keep {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.repos == nil || len(c.repos) >= maxKept {
			c.repos = map[string]places{}
		}
		c.repos[ref.path()] = places{r.byTag, r.byDigest}
	}
	return r, nil
}

// Repository returns the repository of a name, "HOST/REPO" with or without a tag or a
// digest. Nothing is asked.
func (c *Client) Repository(s string) (*Repository, error) {
	ref, err := parse(s)
	if err != nil {
		return nil, err
	}
	return c.repository(ref)
}

// Pinned is the name with what it stands for now: "HOST/REPO:TAG@DIGEST".
func (f *Found) Pinned() string {
	name, _, _ := strings.Cut(f.Name, "@")
	return name + "@" + f.Digest.String()
}

// sessions returns the places of a repository in order.
func (c *Client) sessions(ref reference, byDigest bool) ([]*session, error) {
	conf, err := c.conf()
	if err != nil {
		return nil, fail(nil, ref.String(), "fix that file", "%s", said(err.Error()))
	}
	places, err := conf.locations(ref.path(), ref.String(), byDigest)
	if err != nil {
		return nil, err
	}
	var out []*session
	for _, p := range places {
		hostName, repo, ok := strings.Cut(p.name, "/")
		if !ok || repo == "" {
			return nil, fail(nil, ref.String(), "fix registries.conf", "%q, which it names for %s, is not a repository", said(p.name), ref.path())
		}
		if hub(hostName) {
			hostName = name.DefaultRegistry
		}
		rules, err := hostRules(hostName)
		if err != nil {
			return nil, fail(nil, ref.String(), "fix that file", "%s", said(err.Error()))
		}
		for i := range rules {
			rule := &rules[i]
			if !rule.pull || !byDigest && !rule.resolve {
				continue
			}
			h, err := c.host(rule.url.Host, p.insecure, rule)
			if err != nil {
				return nil, err
			}
			s := &session{client: c, host: h, repo: repo}
			if rule.mirror && rule.url.Host != hostName {
				s.origin = hostFolder(hostName)
			}
			out = append(out, s)
		}
		if len(rules) > 0 {
			continue
		}
		h, err := c.host(hostName, p.insecure, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, &session{client: c, host: h, repo: repo})
	}
	if len(out) == 0 {
		return nil, fail(ErrBlocked, ref.String(), "", "hosts.toml names no host to pull %s from", ref.path())
	}
	return out, nil
}

// each tries the places of a repository in order until one succeeds. The error covers all of
// them.
func (r *Repository) each(places []*session, asked string, ask func(*session) error) error {
	var errs []error
	for _, s := range places {
		err := ask(s)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
		r.client.Log.Debug("not found here", "host", s.host.name, "asked", asked, "error", said(err.Error()))
		if isOver(err) {
			return err
		}
	}
	return joined(asked, errs)
}

// joined is the error of several places; the last one is the original.
func joined(asked string, errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	last := errs[len(errs)-1]
	e := &Error{Asked: asked, parts: errs}
	lines := make([]string, len(errs))
	for i, err := range errs {
		lines[i] = strings.TrimPrefix(err.Error(), asked+": ")
	}
	e.text = fmt.Sprintf("none of %d places has it: %s", len(errs), strings.Join(lines, "; "))
	e.cause = last
	return e
}

// tagKey returns the store's key for a tag's last digest.
func (r reference) tagKey() string { return "tag " + path.Clean(r.path()) + ":" + r.tag }

// Name returns the repository in common notation: "docker.io/library/app".
func (r *Repository) Name() string { return r.ref.path() }
