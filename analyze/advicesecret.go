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
	where    commonDir
	bytes    int64
	versions int
	files    int
	names    []NodeID     // the first few
	layers   map[int]bool // that carry them
}

// A secretNode is a path that looks like a secret's and does not show in the final
// union.
type secretNode struct {
	node NodeID
	rows []secretRow
}

// A secretRow is a wasted version of such a path.
type secretRow struct {
	version int32
	by      int // the layer that deleted it
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
// final union. What base layers carry is not the reader's.
func (ad *adviser) secret(w *Waste) {
	if ad.standing(w) != ownWaste || w.By == w.Layer {
		return
	}
	s, known := ad.secretNodes[w.Node]
	if !known {
		t := ad.t
		if !mayBeSecret(t.nameView(w.Node), t.nameView(t.nodes[w.Node].parent)) {
			return
		}
		shows := t.at(w.Node, len(t.layers)-1)
		if (shows == none || t.versions[shows].kind != source.File) && looksSecret(t.Path(w.Node)) {
			s = &secretNode{node: w.Node}
			ad.secretOrder = append(ad.secretOrder, s)
		}
		ad.secretNodes[w.Node] = s // nil if it is not a secret's: the path is not looked at again
	}
	if s == nil {
		return
	}
	if i := ad.t.inLayer(w.Node, w.Layer); i != none {
		s.rows = append(s.rows, secretRow{i, w.By})
	}
}

// secretsByLayers sums up what rows were kept, by the layers that brought and
// deleted it: with all that layers carry of a path up to what was deleted, for a
// copy with other attributes can be read as well as the first.
func (ad *adviser) secretsByLayers() map[secretKey]*secrets {
	t := ad.t
	found := map[secretKey]*secrets{}
	for _, s := range ad.secretOrder {
		slices.SortFunc(s.rows, func(a, b secretRow) int { return cmp.Compare(a.version, b.version) })
		from, to := t.versionRange(s.node)
		rows := s.rows
		for len(rows) > 0 {
			// From one deletion to the next, the path is one secret.
			for i := from; i < rows[0].version; i++ {
				if t.versions[i].change == Removed {
					from = i + 1
				}
			}
			end := rows[0].version
			for end < to && t.versions[end].change != Removed {
				end++
			}
			last := rows[0]
			for len(rows) > 0 && rows[0].version < end {
				last = secretRow{rows[0].version, max(last.by, rows[0].by)}
				rows = rows[1:]
			}
			ad.addSecret(found, s.node, from, last)
			from = end
		}
	}
	return found
}

// addSecret adds the versions of a node from one to that of a row.
func (ad *adviser) addSecret(found map[secretKey]*secrets, n NodeID, from int32, to secretRow) {
	var bytes int64
	var layers []int // lowest first
	for i := from; i <= to.version; i++ {
		v := Version{ad.t, i}
		if n := v.Wasted(); n > 0 && v.Layer() >= ad.a.Totals.BaseLayers {
			bytes += n
			layers = append(layers, v.Layer())
		}
	}
	if len(layers) == 0 {
		return
	}
	k := secretKey{layers[0], to.by}
	s := found[k]
	if s == nil {
		s = &secrets{where: newCommonDir(ad.nest), layers: map[int]bool{}}
		found[k] = s
	}
	s.where.add(n, bytes)
	s.bytes += bytes
	s.versions += len(layers)
	for _, l := range layers {
		s.layers[l] = true
	}
	if s.files++; len(s.names) < namedSecrets {
		s.names = append(s.names, n)
	}
}

// namedLayers bounds the layers that one finding names.
const namedLayers = 20

// readable is "layer 6", or "layers 6 and 7".
func (s *secrets) readable() string {
	all := slices.Sorted(maps.Keys(s.layers))
	words := make([]string, 0, namedLayers)
	for _, l := range all[:min(len(all), namedLayers)] {
		words = append(words, strconv.Itoa(l))
	}
	if more := len(all) - namedLayers; more > 0 {
		return "layers " + strings.Join(words, ", ") + fmt.Sprintf(" and %s more", human.Comma(more))
	}
	return pick(len(words) == 1, "layer ", "layers ") + enumerate(words)
}

// secretFindings makes a finding for each pair of layers, in their order.
func (ad *adviser) secretFindings() []Finding {
	all := ad.secretsByLayers()
	keys := slices.SortedFunc(maps.Keys(all), func(a, b secretKey) int {
		return cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(a.by, b.by))
	})
	var found []Finding
	for _, k := range keys {
		s := all[k]
		paths := make([]string, len(s.names))
		for i, n := range s.names {
			paths[i] = ad.t.pathText(n)
		}
		names := strings.Join(paths, ", ")
		if more := s.files - len(s.names); more > 0 {
			names += fmt.Sprintf(" and %s more", human.Comma(more))
		}
		f := Finding{
			Rule: RuleSecret, Severity: Warning,
			Title:   pick(s.files == 1, "A secret that was deleted, and is still shipped", "Secrets that were deleted, and are still shipped"),
			Message: fmt.Sprintf("%s %s: removed in layer %d, still readable in %s.", names, pick(s.files == 1, "is named like a secret", "are named like secrets"), k.by, s.readable()),
			Advice:  "Hand it to the step that needs it with RUN --mount=type=secret, or use it in a stage that is not shipped. Anyone who has the image has the file: if it is a real secret, replace it.",
			Path:    s.where.path(), Layer: k.layer, Bytes: s.bytes, Versions: s.versions,
			Step: ad.step(k.layer).text, Line: ad.lines[k.layer],
		}
		if copies(ad.step(k.layer).word) {
			f.Advice = "List it in .dockerignore. " + f.Advice
		}
		f.ID = ad.identity(f, strings.TrimPrefix(f.Path, "/"))
		found = append(found, f)
	}
	return found
}
