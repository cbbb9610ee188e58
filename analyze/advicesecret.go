package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// A secretKey tells the findings of RuleSecret apart: the layer that brought the
// files, and the one that deleted them.
type secretKey struct{ layer, by int }

// secrets are files named like secrets that one layer carries and another
// deleted.
type secrets struct {
	where    place
	bytes    int64
	versions int
	files    int
	names    []string     // the first few paths
	layers   map[int]bool // that carry them
}

// secretNames are files that hold keys or passwords by their very names.
var secretNames = map[string]bool{
	"id_rsa": true, "id_dsa": true, "id_ecdsa": true, "id_ed25519": true, "id_ecdsa_sk": true, "id_ed25519_sk": true,
	".env": true, ".npmrc": true, ".pypirc": true, ".netrc": true, "_netrc": true,
	".git-credentials": true, ".pgpass": true, ".my.cnf": true, ".dockercfg": true, ".vault-token": true,
	"application_default_credentials.json": true, "credentials.json": true, "service-account.json": true,
	"deploy_key": true, "kubeconfig": true, "terraform.tfstate": true, ".s3cfg": true, ".boto": true,
}

// secretBelow are files that do so in one folder: parent and name.
var secretBelow = map[string]bool{
	".aws/credentials": true, ".docker/config.json": true, ".kube/config": true, ".gem/credentials": true,
	".cargo/credentials": true, ".cargo/credentials.toml": true, ".m2/settings.xml": true, ".gnupg/secring.gpg": true,
	"config/master.key": true, "private-keys-v1.d/*": true,
}

// secretEnds are how the names of key files end.
var secretEnds = []string{".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", "_rsa", "_ed25519", "_ecdsa", "_key"}

// publicRoots are folders below which such names are certificates, examples, or
// belong to programs.
var publicRoots = []string{
	"/etc/ssl/certs/", "/etc/pki/", "/etc/ca-certificates/", "/etc/apt/", "/usr/share/", "/usr/lib/", "/usr/lib64/", "/usr/local/lib/",
	"/usr/local/share/", "/usr/src/", "/lib/", "/lib64/", "/var/lib/dpkg/", "/proc/", "/sys/", "/opt/conda/",
}

// publicParts are the same, anywhere in a path.
var publicParts = []string{
	"/node_modules/", "/site-packages/", "/dist-packages/", "/vendor/", "/go/pkg/mod/", "/.cargo/registry/",
	"/test/", "/tests/", "/testdata/", "/fixtures/", "/example/", "/examples/", "/doc/", "/docs/",
}

// publicWords in the name of a key file say that it is for everyone: a
// certificate, or the key that a package archive is checked with.
var publicWords = []string{
	"cert", "chain", "ca-bundle", "public", "pub.", "pubkey", "gpg", "pgp", "release.key", "repo", "signing", "archive", "apt", "rpm",
	"dhparam", "truststore",
}

// looksSecret reports whether a path is named like a key or a password file.
func looksSecret(path string) bool {
	slash := max(strings.LastIndexByte(path, '/'), 0)
	name, dir := strings.TrimPrefix(path[slash:], "/"), path[:slash]
	parent := dir[strings.LastIndexByte(dir, '/')+1:]
	switch {
	case name == "" || !mayBeSecret(name, parent):
		return false
	case slices.ContainsFunc(publicRoots, func(root string) bool { return strings.HasPrefix(path, root) }),
		slices.ContainsFunc(publicParts, func(part string) bool { return strings.Contains(path, part) }):
		return false
	case secretNames[name], secretBelow[parent+"/"+name], secretBelow[parent+"/*"]:
		return true
	}
	if variant, ok := strings.CutPrefix(name, ".env."); ok {
		return !slices.Contains([]string{"example", "sample", "template", "dist", "test", "defaults", "schema"}, variant)
	}
	lower := strings.ToLower(name)
	return !slices.ContainsFunc(publicWords, func(word string) bool { return strings.Contains(lower, word) })
}

// mayBeSecret is a cheap test that is true of every name that may be one.
func mayBeSecret(name, parent string) bool {
	return secretNames[name] || strings.HasPrefix(name, ".env.") ||
		slices.ContainsFunc(secretEnds, func(end string) bool { return len(name) > len(end) && strings.HasSuffix(name, end) }) ||
		secretBelow[parent+"/"+name] || secretBelow[parent+"/*"]
}

// namedSecrets bounds the paths that one finding names.
const namedSecrets = 3

// secret keeps a row whose path looks like a secret's and does not show in the
// final union: with all that layers carry of it, for a copy with other attributes
// can be read as well as the first. What base layers carry is not the reader's.
func (ad *adviser) secret(w *Waste) {
	if ad.standing(w) != ownWaste || w.By == w.Layer || !looksSecret(w.Path()) {
		return
	}
	t := ad.t
	if v := t.at(w.Node, len(t.layers)-1); v != none && t.versions[v].kind == source.File {
		return
	}
	var bytes int64
	var layers []int // highest first
	for i := t.inLayer(w.Node, w.Layer); i >= t.nodes[w.Node].first && t.versions[i].change != Removed; i-- {
		v := Version{t, i}
		if n := v.Wasted(); n > 0 && v.Layer() >= ad.a.Totals.BaseLayers {
			bytes += n
			layers = append(layers, v.Layer())
		}
	}
	if len(layers) == 0 {
		return
	}
	k := secretKey{layers[len(layers)-1], w.By}
	s := ad.secrets[k]
	if s == nil {
		s = &secrets{where: newPlace(), layers: map[int]bool{}}
		ad.secrets[k] = s
	}
	s.where.add(t, w.Node, bytes)
	s.bytes += bytes
	s.versions += len(layers)
	for _, l := range layers {
		s.layers[l] = true
	}
	if s.files++; len(s.names) < namedSecrets {
		s.names = append(s.names, w.Path())
	}
}

// readable is "layer 6", or "layers 6 and 7".
func (s *secrets) readable() string {
	var words []string
	for _, l := range slices.Sorted(maps.Keys(s.layers)) {
		words = append(words, strconv.Itoa(l))
	}
	return pick(len(words) == 1, "layer ", "layers ") + enumerate(words)
}

// secretFindings makes a finding for each pair of layers, in their order.
func (ad *adviser) secretFindings() []Finding {
	keys := make([]secretKey, 0, len(ad.secrets))
	for k := range ad.secrets {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b secretKey) int {
		return cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(a.by, b.by))
	})
	var found []Finding
	for _, k := range keys {
		s := ad.secrets[k]
		names := strings.Join(s.names, ", ")
		if more := s.files - len(s.names); more > 0 {
			names += fmt.Sprintf(" and %s more", human.Comma(more))
		}
		f := Finding{
			Rule: RuleSecret, Severity: Warning,
			Title:   pick(s.files == 1, "A secret that was deleted, and is still shipped", "Secrets that were deleted, and are still shipped"),
			Message: fmt.Sprintf("%s %s: removed in layer %d, still readable in %s.", names, pick(s.files == 1, "is named like a secret", "are named like secrets"), k.by, s.readable()),
			Advice:  "Hand it to the step that needs it with RUN --mount=type=secret, or use it in a stage that is not shipped. Whoever has the image has the file: if it is a real secret, replace it.",
			Path:    s.where.path(ad.t), Layer: k.layer, Bytes: s.bytes, Versions: s.versions,
			Step: ad.step(k.layer), Line: ad.lines[k.layer],
		}
		if copies(firstWord(f.Step)) {
			f.Advice = "List it in .dockerignore. " + f.Advice
		}
		f.ID = identity(f, strings.TrimPrefix(f.Path, "/"))
		found = append(found, f)
	}
	return found
}
