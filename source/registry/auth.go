package registry

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/peelhq/peel/internal/settings"
)

// Credentials are looked up in Docker's config.json, then in the auth.json files of podman and
// similar tools, in all files that exist: one file must not hide the content of another. In each
// file, the keys go from the whole repository up to the host; an entry for a repository applies
// only to that repository.

// A credential is what a host accepts, and its origin. The zero value is for public images.
type credential struct {
	authn.AuthConfig
	from string // "~/.docker/config.json (key ghcr.io)"; or ""
}

// auth converts the credential for go-containerregistry.
func (c credential) auth() authn.Authenticator {
	if c.from == "" {
		return authn.Anonymous
	}
	return authn.FromConfig(c.AuthConfig)
}

// A keychain looks up credentials. It reads the files once.
type keychain struct {
	once  sync.Once
	files []authFile

	mu     sync.Mutex
	helped map[string]helped // answers of helpers, by helper and key
}

// An authFile is a file with credentials or names of credential helpers.
type authFile struct {
	path string
	err  error // why it can't be read, or nil
	authJSON
}

// authJSON is the format of these files. Sources: docker/cli, cli/config/configfile;
// containers-auth.json(5).
type authJSON struct {
	Auths       map[string]authEntry `json:"auths"`
	CredHelpers map[string]string    `json:"credHelpers"`
	CredsStore  string               `json:"credsStore"`
}

type authEntry struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	Auth          string `json:"auth"` // base64 of "user:password"
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// authPaths returns the files that may hold credentials, in search order.
func authPaths() []string {
	var out []string
	add := func(parts ...string) {
		if path := filepath.Join(parts...); parts[0] != "" && !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	home := homeDir()
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		add(dir, "config.json")
	} else if home != "" {
		add(home, ".docker", "config.json")
	}
	if file := os.Getenv("REGISTRY_AUTH_FILE"); file != "" {
		add(file)
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		add(dir, "containers", "auth.json")
	} else if uid := os.Getuid(); uid >= 0 {
		add(systemFile(fmt.Sprintf("run/containers/%d/auth.json", uid)))
	}
	add(userConfig("auth.json"))
	return out
}

// load reads the files that exist.
func (k *keychain) load() []authFile {
	k.once.Do(func() {
		for _, path := range authPaths() {
			f := authFile{path: path}
			data, err := settings.Read(path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				continue
			case err == nil:
				f.authJSON, err = parseAuth(data)
			}
			f.err = err
			k.files = append(k.files, f)
		}
	})
	return k.files
}

// parseAuth parses such a file. Its errors do not quote the content.
func parseAuth(data []byte) (authJSON, error) {
	var a authJSON
	if strings.TrimSpace(string(data)) == "" {
		return a, nil
	}
	if err := json.Unmarshal(data, &a); err != nil {
		if at, ok := errors.AsType[*json.SyntaxError](err); ok {
			return authJSON{}, fmt.Errorf("it is not JSON, from byte %d on", at.Offset)
		}
		return authJSON{}, errors.New("it is not of the form that Docker and podman write")
	}
	return a, nil
}

// keysOf returns the possible keys for a repository's credentials, most specific first:
// "ghcr.io/me/app", "ghcr.io/me", "ghcr.io". Docker Hub has several names.
func keysOf(hostName, repo string) []string {
	var out []string
	hosts := []string{hostName}
	if hub(hostName) {
		hosts = []string{"docker.io", "index.docker.io", "registry-1.docker.io"}
	}
	for path := strings.Trim(repo, "/"); path != ""; {
		for _, h := range hosts {
			out = append(out, h+"/"+path)
		}
		i := strings.LastIndexByte(path, '/')
		path = path[:max(i, 0)]
	}
	return append(out, hosts...)
}

func hub(hostName string) bool {
	return hostName == "index.docker.io" || hostName == "docker.io" || hostName == "registry-1.docker.io"
}

// plainKey normalizes a key for comparison: without a scheme, and without what Docker appends to
// the host.
func plainKey(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	key = strings.TrimSuffix(key, "/")
	for _, end := range []string{"/v1", "/v2"} {
		key = strings.TrimSuffix(key, end)
	}
	return strings.ToLower(key)
}

// find returns the credentials for a repository in the order of attempts, and the failures of
// files and helpers.
func (k *keychain) find(ctx context.Context, hostName, repo string) (found []credential, troubles []string) {
	keys := keysOf(hostName, repo)
	for _, f := range k.load() {
		if f.err != nil {
			troubles = append(troubles, f.path+": "+said(f.err.Error()))
			continue
		}
		c, trouble := k.inFile(ctx, &f, keys)
		if trouble != "" {
			troubles = append(troubles, trouble)
		}
		same := func(have credential) bool { return have.AuthConfig == c.AuthConfig }
		if c.from != "" && !slices.ContainsFunc(found, same) {
			found = append(found, c)
		}
	}
	return found, troubles
}

// inFile looks for the first of the keys in a file.
func (k *keychain) inFile(ctx context.Context, f *authFile, keys []string) (c credential, trouble string) {
	for _, key := range keys {
		for name, helper := range f.CredHelpers {
			if plainKey(name) != key {
				continue
			}
			if c, err := k.help(ctx, helper, name, f.path); err != nil {
				trouble = err.Error()
			} else if c.from != "" {
				return c, ""
			}
		}
		entry, name, listed := f.entry(key)
		if f.CredsStore != "" && (listed || key == keys[len(keys)-1]) {
			if c, err := k.help(ctx, f.CredsStore, cmp.Or(name, storeKey(key)), f.path); err != nil {
				trouble = err.Error()
			} else if c.from != "" {
				return c, ""
			}
		}
		if config, ok := entry.config(); ok {
			return credential{config, fmt.Sprintf("%s (key %s)", f.path, name)}, ""
		}
	}
	return credential{}, trouble
}

// storeKey returns the key of a host in a credential store.
func storeKey(hostName string) string {
	if hub(hostName) {
		return "https://index.docker.io/v1/"
	}
	return hostName
}

// entry returns the file's entry for a key, and the key as written.
func (f *authFile) entry(key string) (e authEntry, name string, ok bool) {
	if e, ok := f.Auths[key]; ok {
		return e, key, true
	}
	for name, e := range f.Auths {
		if plainKey(name) == key {
			return e, name, true
		}
	}
	return authEntry{}, "", false
}

// config converts the entry for go-containerregistry; ok is false if it is empty.
func (e authEntry) config() (c authn.AuthConfig, ok bool) {
	c = authn.AuthConfig{Username: e.Username, Password: e.Password, IdentityToken: e.IdentityToken, RegistryToken: e.RegistryToken}
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(e.Auth)); err == nil {
		if user, password, found := strings.Cut(string(raw), ":"); found {
			c.Username, c.Password = user, strings.TrimRight(password, "\x00")
		}
	}
	if c.Username == "<token>" && c.IdentityToken == "" { // as helpers call it
		c = authn.AuthConfig{IdentityToken: c.Password}
	}
	return c, c.Password != "" && c.Username != "" || c.IdentityToken != "" || c.RegistryToken != ""
}

// describe lists the files and keys that were searched.
func (k *keychain) describe(hostName, repo string) string {
	var files []string
	for _, f := range k.load() {
		files = append(files, f.path)
	}
	if len(files) == 0 {
		return "no credentials: none of the files that can hold them exists (" + strings.Join(authPaths(), ", ") + ")"
	}
	keys := keysOf(hostName, repo)
	return "no credentials in " + strings.Join(files, ", ") + " under " + strings.Join(keys, ", ")
}
