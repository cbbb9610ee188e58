package registry

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/peelhq/peel/internal/settings"
)

// hostsFile is containerd's hosts.toml: the hosts for a registry's images, in
// order, with their TLS settings. Source: containerd, docs/hosts.md.
type hostsFile struct {
	Server string               `toml:"server"`
	Hosts  map[string]hostEntry `toml:"host"`
	hostEntry

	order []string // order of Hosts in the file
}

// hostEntry is the configuration of one host.
type hostEntry struct {
	Capabilities []string       `toml:"capabilities"` // any of "pull", "resolve", "push"; none: all
	CA           any            `toml:"ca"`           // a path or several
	Client       any            `toml:"client"`       // a path, several, or pairs of certificate and key
	SkipVerify   bool           `toml:"skip_verify"`
	OverridePath bool           `toml:"override_path"` // use the path as it is, without /v2
	Header       map[string]any `toml:"header"`
}

// A hostRule is one host of hosts.toml.
type hostRule struct {
	url  *url.URL
	rule hostEntry
	dir  string // base of relative paths
	pull, resolve,
	mirror bool
}

// hostRules reads containerd's configuration for a host; nil if there is none.
func hostRules(hostName string) ([]hostRule, error) {
	root := systemFile("etc/containerd/certs.d")
	if root == "" {
		return nil, nil
	}
	for _, name := range []string{hostFolder(hostName), strings.ReplaceAll(hostFolder(hostName), ":", "_") + "_", "_default"} {
		dir := filepath.Join(root, name)
		data, err := settings.ReadTOML(filepath.Join(dir, "hosts.toml"))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		}
		f, err := parseHosts(filepath.Join(dir, "hosts.toml"), data)
		if err != nil {
			return nil, err
		}
		return f.rules(dir, hostName)
	}
	return nil, nil
}

func parseHosts(file string, data []byte) (*hostsFile, error) {
	var f hostsFile
	if err := settings.ParseTOML(file, data, &f); err != nil {
		return nil, err
	}
	f.order = tableOrder(data, "host")
	for _, name := range slices.Sorted(maps.Keys(f.Hosts)) {
		if !slices.Contains(f.order, name) { // its syntax does not show the order
			f.order = append(f.order, name)
		}
	}
	return &f, nil
}

// tableOrder returns the keys below a table in the order of the file, in which hosts are tried; a
// map loses it.
func tableOrder(data []byte, table string) []string {
	var out []string
	var p unstable.Parser
	p.Reset(data)
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind != unstable.Table {
			continue
		}
		var parts []string
		for it := e.Key(); it.Next(); {
			parts = append(parts, string(it.Node().Data))
		}
		if len(parts) >= 2 && parts[0] == table && !slices.Contains(out, parts[1]) {
			out = append(out, parts[1])
		}
	}
	return out
}

// rules returns the file's hosts in order, the server last.
func (f *hostsFile) rules(dir, hostName string) ([]hostRule, error) {
	var out []hostRule
	add := func(address string, e hostEntry, mirror bool) error {
		u, err := hostURL(address)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, "hosts.toml"), err)
		}
		all := len(e.Capabilities) == 0
		r := hostRule{
			url: u, rule: e, dir: dir, mirror: mirror,
			pull:    all || slices.Contains(e.Capabilities, "pull"),
			resolve: all || slices.Contains(e.Capabilities, "resolve"),
		}
		if !e.OverridePath && !strings.HasSuffix(u.Path, "/v2") {
			u.Path = path.Join("/", u.Path, "v2")
		}
		out = append(out, r)
		return nil
	}
	if len(f.order) > maxMirrors {
		return nil, fmt.Errorf("%s: more than %d hosts", filepath.Join(dir, "hosts.toml"), maxMirrors)
	}
	for _, address := range f.order {
		if err := add(address, f.Hosts[address], true); err != nil {
			return nil, err
		}
	}
	return out, add(cmp.Or(f.Server, "https://"+hostName), f.hostEntry, false)
}

// hostURL parses "https://HOST[:PORT][/PATH]"; the default scheme is HTTPS.
func hostURL(address string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not the address of a host", said(address))
	}
	u.Path = strings.TrimSuffix(path.Clean("/"+u.Path), "/")
	return u, nil
}

// trust adds the rule's TLS settings to b.
func (r *hostRule) trust(b *tlsBuilder) error {
	at := func(file string) string {
		if filepath.IsAbs(file) {
			return file
		}
		return filepath.Join(r.dir, file)
	}
	for _, file := range texts(r.rule.CA) {
		if err := b.authority(at(file)); err != nil {
			return err
		}
	}
	for _, pair := range pairs(r.rule.Client) {
		key := pair[1]
		if key != "" {
			key = at(key)
		}
		if err := b.client(at(pair[0]), key); err != nil {
			return err
		}
	}
	b.config.InsecureSkipVerify = b.config.InsecureSkipVerify || r.rule.SkipVerify // as the file requests
	return nil
}

// header returns the headers that the rule adds to each request.
func (r *hostRule) header() http.Header {
	h := http.Header{}
	for name, value := range r.rule.Header {
		for _, v := range texts(value) {
			h.Add(name, v)
		}
	}
	return h
}

// texts returns the strings of a value that is a string or a list.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// pairs parses certificates with keys: "a.pem", ["a.pem", "b.pem"] (the key in the same file), or
// [["a.crt", "a.key"]].
func pairs(v any) [][2]string {
	var out [][2]string
	for _, file := range texts(v) {
		out = append(out, [2]string{file})
	}
	list, _ := v.([]any)
	for _, e := range list {
		pair, ok := e.([]any)
		if files := texts(e); ok && len(pair) == len(files) && len(files) > 0 && len(files) <= 2 {
			out = append(out, [2]string(append(files, "")[:2]))
		}
	}
	return out
}
