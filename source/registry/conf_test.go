package registry

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/fakeregistry"
	"github.com/peelhq/peel/internal/settings"
	"github.com/peelhq/peel/internal/testkit"
)

// confOf parses the text of one registries.conf.
func confOf(t *testing.T, text string) (*conf, error) {
	t.Helper()
	c := &conf{aliases: map[string]string{}}
	var f confFile
	if err := settings.ParseTOML("registries.conf", []byte(text), &f); err != nil {
		return nil, err
	}
	return c, c.lay("registries.conf", &f)
}

// TestLocations checks where peel looks for an image, as containers-registries.conf(5) says.
func TestLocations(t *testing.T) {
	const rewritten = `
[[registry]]
prefix = "example.com/foo"
location = "internal.example:5000/bar"
insecure = true
[[registry.mirror]]
location = "mirror-1.example/foo"
[[registry.mirror]]
location = "mirror-2.example"
insecure = true
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "mirror-3.example/x"
pull-from-mirror = "tag-only"
[[registry]]
prefix = "example.com/foo/closed"
blocked = true
[[registry]]
prefix = "*.wild.example"
[[registry.mirror]]
location = "mirror.example/wild"
[[registry]]
location = "docker.io"
mirror-by-digest-only = true
[[registry.mirror]]
location = "hub-mirror.example"
`
	c, err := confOf(t, rewritten)
	if err != nil {
		t.Fatal(err)
	}
	const digest = "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for _, l := range []struct{ name, want string }{
		{"other.example/foo:1", "other.example/foo"},
		{"example.com/foo/app:1", "mirror-1.example/foo/app mirror-3.example/x/app internal.example:5000/bar/app!"},
		{"example.com/foo/app" + digest, "mirror-1.example/foo/app mirror-2.example/app! internal.example:5000/bar/app!"},
		{"example.com/foobar:1", "example.com/foobar"},
		{"example.com/foo:1", "mirror-1.example/foo mirror-3.example/x internal.example:5000/bar!"},
		{"example.com/foo/closed:1", "registries.conf blocks example.com/foo/closed"},
		{"example.com/foo/closed/x" + digest, "registries.conf blocks example.com/foo/closed"},
		{"example.com/foo/closed2:1", "mirror-1.example/foo/closed2 mirror-3.example/x/closed2 internal.example:5000/bar/closed2!"},
		{"a.wild.example/app:1", "mirror.example/wild/app a.wild.example/app"},
		{"a.wild.example:5000/app:1", "mirror.example/wild/app a.wild.example:5000/app"},
		{"wild.example/app:1", "wild.example/app"},
		{"app:1", "docker.io/library/app"},
		{"app" + digest, "hub-mirror.example/library/app docker.io/library/app"},
	} {
		ref, err := parse(l.name)
		if err != nil {
			t.Fatal(err)
		}
		places, err := c.locations(ref.path(), ref.String(), ref.digest != "")
		var got []string
		for _, p := range places {
			insecure := ""
			if p.insecure {
				insecure = "!"
			}
			got = append(got, p.name+insecure)
		}
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if text != l.want && !(err != nil && strings.Contains(text, l.want)) {
			t.Errorf("%s:\n got %s\nwant %s", l.name, text, l.want)
		}
	}
}

// TestNames checks what a name resolves to.
func TestNames(t *testing.T) {
	const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	plain, err := confOf(t, "")
	if err != nil {
		t.Fatal(err)
	}
	podman, err := confOf(t, `
unqualified-search-registries = ["registry.example", "docker.io"]
[aliases]
"debian" = "docker.io/library/debian"
"me/tool" = "quay.io/me/tool"
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []struct {
		conf       *conf
		name, want string
	}{
		{plain, "app", "docker.io/library/app:latest"},
		{plain, "app:1", "docker.io/library/app:1"},
		{plain, "docker.io/app:1", "docker.io/library/app:1"},
		{plain, "me/app", "docker.io/me/app:latest"},
		{plain, "localhost/app", "localhost/app:latest"},
		{plain, "localhost:5000/app:2", "localhost:5000/app:2"},
		{plain, "ghcr.io/me/app@" + digest, "ghcr.io/me/app@" + digest},
		{plain, "ghcr.io/me/app:1@" + digest, "ghcr.io/me/app@" + digest},
		{plain, "app@sha512:" + strings.Repeat("ab", 64), "docker.io/library/app@sha512:" + strings.Repeat("ab", 64)},
		{podman, "app:1", "registry.example/app:1 docker.io/library/app:1"},
		{podman, "debian:12", "docker.io/library/debian:12"},
		{podman, "debian@" + digest, "docker.io/library/debian@" + digest},
		{podman, "me/tool", "quay.io/me/tool:latest"},
		{podman, "ghcr.io/debian", "ghcr.io/debian:latest"},
	} {
		refs, err := n.conf.names(n.name)
		var got []string
		for _, r := range refs {
			got = append(got, r.String())
		}
		if err != nil || strings.Join(got, " ") != n.want {
			t.Errorf("%s: %q, error %v; want %s", n.name, got, err, n.want)
		}
	}
	for _, bad := range []string{"", "App", "a b", "app:", "http://x/y", "app@sha256:1", "app@md5:d41d8cd98f00b204e9800998ecf8427e", "a//b", "-", "../x", strings.Repeat("a", 300)} {
		if refs, err := plain.names(bad); err == nil {
			t.Errorf("%q resolves to %v, want an error", bad, refs)
		}
		if IsName(bad) {
			t.Errorf("%q counts as a name", bad)
		}
	}
}

// TestReadConf checks which files are read, and how they override each other.
func TestReadConf(t *testing.T) {
	home, root := alone(t)
	testkit.WriteFiles(t, root, map[string]string{
		"etc/containers/registries.conf":                       "unqualified-search-registries = [\"system.example\"]\n[[registry]]\nlocation = \"a.example\"\nblocked = true\n",
		"etc/containers/registries.conf.d/000-shortnames.conf": "[aliases]\n\"debian\" = \"docker.io/library/debian\"\n",
		"etc/containers/registries.conf.d/readme.txt":          "not toml",
	})
	c, err := readConf()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%v %v %v", c.search, c.aliases["debian"], c.registry("a.example/x:1").Blocked); got != "[system.example] docker.io/library/debian true" {
		t.Errorf("the system's: %s", got)
	}
	testkit.WriteFiles(t, home, map[string]string{
		".config/containers/registries.conf":          "unqualified-search-registries = [\"user.example\"]\n",
		".config/containers/registries.conf.d/1.conf": "[[registry]]\nlocation = \"a.example\"\ninsecure = true\n",
	})
	if c, err = readConf(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.search, c.registry("a.example/x:1").Blocked, c.registry("a.example/x:1").Insecure); got != "[user.example] false true" {
		t.Errorf("the user's: %s", got)
	}
	named := filepath.Join(t.TempDir(), "mine.conf")
	t.Setenv("CONTAINERS_REGISTRIES_CONF", named)
	testkit.WriteFiles(t, filepath.Dir(named), map[string]string{"mine.conf": "unqualified-search-registries = []\n"})
	if c, err = readConf(); err != nil || len(c.search) != 0 {
		t.Errorf("explicit file: got %q, error %v", c.search, err)
	}
	for text, want := range map[string]string{
		"[[registry]\n":                                       "mine.conf, line 1: ",
		"[[registry]]\nblocked = true\n":                      "neither a prefix nor a location",
		"[registries.search]\nregistries = [\"docker.io\"]\n": "version 1",
		"[[registry]]\nlocation = \"a\"\n[[registry.mirror]]\nlocation = \"b\"\npull-from-mirror = \"never\"\n": `"never"`,
	} {
		if err := os.WriteFile(named, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readConf()
		testkit.WantError(t, err, want)
		_, err = client(t, Options{}).Resolve(t.Context(), "app")
		testkit.WantError(t, err, want, "fix that file")
	}
}

// TestMirrors checks that a mirror is asked first, and the registry itself for what the mirror
// doesn't have.
func TestMirrors(t *testing.T) {
	_, root := alone(t)
	primary := push(t, fakeregistry.New(t), 1000)
	mirror := fakeregistry.New(t)
	write := func(text string) {
		testkit.WriteFiles(t, root, map[string]string{"etc/containers/registries.conf": text})
	}
	write(fmt.Sprintf("[[registry]]\nprefix = \"real.example\"\nlocation = %q\n[[registry.mirror]]\nlocation = %q\n", primary.Host(), mirror.Host()+"/cached"))
	read := func() (string, error) {
		found, err := client(t, Options{}).Resolve(t.Context(), "real.example/me/app:1")
		if err != nil {
			return "", err
		}
		if _, err := found.Manifest(t.Context(), found.Descriptor); err != nil {
			return "", err
		}
		text, err := found.Document(t.Context(), primary.blob)
		return found.Name + " " + fmt.Sprint(len(text)), err
	}
	if got, err := read(); err != nil || got != "real.example/me/app:1 1000" {
		t.Fatalf("%s, error %v", got, err)
	}
	if len(mirror.Asked()) == 0 || len(primary.Asked()) == 0 {
		t.Error("not both were asked")
	}

	// The mirror has the image, but not the blob.
	mirror.Blob(t, "cached/me/app", primary.blob.Digest.String(), primary.bytes)
	mirror.Blob(t, "cached/me/app", "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", []byte("{}"))
	mirror.Manifest(t, "cached/me/app", "1", "application/vnd.oci.image.manifest.v1+json", primary.text)
	mirror.Break(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if strings.Contains(r.URL.Path, "/blobs/") {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		return false
	})
	if got, err := read(); err != nil || got != "real.example/me/app:1 1000" {
		t.Fatalf("%s, error %v", got, err)
	}
	asked := primary.Asked()
	if slices.ContainsFunc(asked, func(s string) bool { return strings.Contains(s, "/manifests/") }) || !slices.ContainsFunc(asked, func(s string) bool { return strings.Contains(s, "/blobs/") }) {
		t.Errorf("got requests %q to the registry, want only the blob", asked)
	}

	// The mirror sends wrong content, then is gone.
	mirror.Break(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if strings.Contains(r.URL.Path, "/manifests/sha256:") {
			_, _ = w.Write([]byte(`{"schemaVersion":2,"other":true}`))
			return true
		}
		return false
	})
	if got, err := read(); err != nil || got != "real.example/me/app:1 1000" {
		t.Errorf("with a lying mirror: got %s, error %v", got, err)
	}
	mirror.Close()
	if got, err := read(); err != nil || got != "real.example/me/app:1 1000" {
		t.Errorf("without the mirror: got %s, error %v", got, err)
	}
	primary.Close()
	_, err := read()
	says(t, err, ErrUnreachable, "none of 2 places has it", mirror.Host(), primary.Host())

	write("[[registry]]\nlocation = \"real.example\"\nblocked = true\n")
	_, err = read()
	says(t, err, ErrBlocked, "registries.conf blocks real.example")
}

// TestHostsFile checks containerd's hosts.toml, whose hosts are asked in order.
func TestHostsFile(t *testing.T) {
	_, root := alone(t)
	primary := push(t, fakeregistry.New(t), 1000)
	var with []string
	first, second := fakeregistry.New(t), fakeregistry.New(t)
	for i, m := range []*fakeregistry.Registry{first, second} {
		m.Break(func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if r.URL.Path == "/v2/" {
				return false
			}
			with = append(with, fmt.Sprint(i, " ", r.URL.Path, " ns=", r.URL.Query().Get("ns"), " ", r.Header.Get("X-Key")))
			w.WriteHeader(http.StatusNotFound)
			return true
		})
	}
	testkit.WriteFiles(t, root, map[string]string{"etc/containerd/certs.d/real.example/hosts.toml": fmt.Sprintf(`
server = %q
[host.%q]
  capabilities = ["pull", "resolve"]
  override_path = true
[host.%q.header]
  x-key = ["k1"]
[host.%q]
  capabilities = ["pull"]
`, primary.URL, first.URL+"/v2/cache", first.URL+"/v2/cache", second.URL)})
	found, err := client(t, Options{}).Resolve(t.Context(), "real.example/me/app:1")
	if err != nil {
		t.Fatal(err)
	}
	if want := "0 /v2/cache/me/app/manifests/1 ns=real.example k1"; !slices.Contains(with, want) {
		t.Errorf("asked %q, want %q", with, want)
	}
	if slices.ContainsFunc(with, func(s string) bool { return strings.HasPrefix(s, "1 ") }) {
		t.Errorf("asked a host for a tag although the host has no resolve capability: %q", with)
	}
	with = nil
	if _, err := found.Document(t.Context(), primary.blob); err != nil {
		t.Error(err)
	}
	order := strings.Join(with, "\n")
	if a, b := strings.Index(order, "0 /v2/cache/me/app/blobs/"), strings.Index(order, "1 /v2/me/app/blobs/"); a < 0 || b < a {
		t.Errorf("not asked in the order of the file:\n%s", order)
	}
}

// TestCertificates checks certificates from the folders of Docker, containers and containerd,
// and from flags.
func TestCertificates(t *testing.T) {
	home, root := alone(t)
	p := push(t, fakeregistry.NewTLS(t), 1000)
	pem := testkit.PEM(p.Certificate().Raw)
	_, err := p.readBlob(t, client(t, Options{}))
	says(t, err, ErrUntrusted, "the certificate of "+p.Host()+" is not trusted", "certs.d/"+p.Host()+"/ca.crt", "--insecure-registry "+p.Host())
	for _, c := range []struct{ name, dir string }{
		{"Docker's", root + "/etc/docker/certs.d/" + p.Host()},
		{"rootless Docker's", home + "/.config/docker/certs.d/" + p.Host()},
		{"Docker Desktop's", home + "/.docker/certs.d/" + p.Host()},
		{"containers'", root + "/etc/containers/certs.d/" + p.Host()},
		{"the user's of containers", home + "/.config/containers/certs.d/" + p.Host()},
		{"containerd's", root + "/etc/containerd/certs.d/" + p.Host()},
	} {
		testkit.WriteFiles(t, c.dir, map[string]string{"ca.crt": pem})
		if _, err := p.readBlob(t, client(t, Options{})); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := os.RemoveAll(c.dir); err != nil {
			t.Fatal(err)
		}
	}
	testkit.WriteFiles(t, root, map[string]string{
		"etc/containerd/certs.d/_default/hosts.toml": "ca = \"mine.pem\"\n",
		"etc/containerd/certs.d/_default/mine.pem":   pem,
	})
	if _, err := p.readBlob(t, client(t, Options{})); err != nil {
		t.Errorf("hosts.toml's: %v", err)
	}
	testkit.WriteFiles(t, root, map[string]string{"etc/containerd/certs.d/_default/mine.pem": "nothing"})
	_, err = p.readBlob(t, client(t, Options{}))
	says(t, err, ErrUntrusted, "mine.pem holds no certificate")
	testkit.WriteFiles(t, root, map[string]string{"etc/containerd/certs.d/_default/hosts.toml": "skip_verify = true\n"})
	if _, err := p.readBlob(t, client(t, Options{})); err != nil {
		t.Errorf("skip_verify: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(root, "etc")); err != nil {
		t.Fatal(err)
	}
	for _, insecure := range []string{p.Host(), "127.0.0.1", "https://" + p.Host()} {
		if _, err := p.readBlob(t, client(t, Options{Insecure: []string{insecure}})); err != nil {
			t.Errorf("--insecure-registry %s: %v", insecure, err)
		}
	}
	testkit.WriteFiles(t, root, map[string]string{"etc/containers/registries.conf": fmt.Sprintf("[[registry]]\nlocation = %q\ninsecure = true\n", p.Host())})
	if _, err := p.readBlob(t, client(t, Options{})); err != nil {
		t.Errorf("insecure in registries.conf: got %v", err)
	}
}

func FuzzRegistriesConf(f *testing.F) {
	f.Add("unqualified-search-registries = [\"a.b\"]\n[[registry]]\nprefix = \"*.a.b\"\n[[registry.mirror]]\nlocation = \"c.d/e\"\n", "app:1")
	f.Add("[aliases]\n\"app\" = \"x.y/z\"\n", "app")
	f.Fuzz(func(_ *testing.T, text, name string) {
		c := &conf{aliases: map[string]string{}}
		var file confFile
		if settings.ParseTOML("f", []byte(text), &file) != nil || c.lay("f", &file) != nil {
			return
		}
		refs, err := c.names(name)
		if err != nil {
			return
		}
		for _, r := range refs {
			for _, byDigest := range []bool{true, false} {
				_, _ = c.locations(r.path(), r.String(), byDigest)
			}
		}
	})
}

func FuzzHostsFile(f *testing.F) {
	f.Add("server = \"https://a\"\n[host.\"http://b/v2/x\"]\ncapabilities = [\"pull\"]\nca = [\"a\", \"b\"]\nclient = [[\"a\", \"b\"]]\n[host.\"http://b/v2/x\".header]\na = \"b\"\n")
	f.Fuzz(func(_ *testing.T, text string) {
		file, err := parseHosts("f", []byte(text))
		if err != nil {
			return
		}
		rules, err := file.rules("/d", "a.b")
		if err != nil {
			return
		}
		for _, r := range rules {
			r.header()
			pairs(r.rule.Client)
			texts(r.rule.CA)
		}
	})
}
