package analyze

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// A secretNaming says whether a file is a secret according to its path.
type secretNaming uint8

const (
	notSecret secretNaming = iota
	byContent              // a secret only if its content shows one
	byName                 // a secret by name, unless its content proves otherwise
)

// secretNames are names of files that hold keys or passwords.
var secretNames = map[string]bool{
	"id_rsa": true, "id_dsa": true, "id_ecdsa": true, "id_ed25519": true, "id_ecdsa_sk": true, "id_ed25519_sk": true,
	".env": true, ".npmrc": true, ".pypirc": true, ".netrc": true, "_netrc": true,
	".git-credentials": true, ".pgpass": true, ".my.cnf": true, ".dockercfg": true, ".vault-token": true,
	"application_default_credentials.json": true, "credentials.json": true, "service-account.json": true,
	"deploy_key": true, "kubeconfig": true, "terraform.tfstate": true, ".s3cfg": true, ".boto": true,
}

// secretBelow are such names within a folder: parent and name.
var secretBelow = map[string]bool{
	".aws/credentials": true, ".docker/config.json": true, ".kube/config": true, ".gem/credentials": true,
	".cargo/credentials": true, ".cargo/credentials.toml": true, ".m2/settings.xml": true, ".gnupg/secring.gpg": true,
	"config/master.key": true,
}

// secretEnds are the suffixes of key files.
var secretEnds = []string{".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", "_rsa", "_ed25519", "_ecdsa", "_key"}

// settingNames are settings files in which people may leave a password or token. Most have none,
// so their names alone mean nothing.
var settingNames = map[string]bool{
	"pip.conf": true, "pip.ini": true, ".yarnrc": true, ".yarnrc.yml": true, "settings.xml": true, "nuget.config": true, "NuGet.Config": true,
	"gradle.properties": true, "auth.json": true, "serviceaccount.json": true, "service_account.json": true, "gcp-key.json": true,
	"secrets.json": true, "secrets.yml": true, "secrets.yaml": true, "secrets.toml": true, "credentials.yml": true, "credentials.yaml": true,
	".terraformrc": true, "terraform.rc": true, "credentials.tfrc.json": true, ".bash_history": true, ".env.local": true,
	"application.properties": true, ".condarc": true, ".gitconfig": true, ".curlrc": true, ".wgetrc": true,
}

// settingBelow are such names within a folder.
var settingBelow = map[string]bool{".git/config": true, "gh/hosts.yml": true, ".config/hub": true, ".aws/config": true}

// settingEnds are suffixes of such files.
var settingEnds = []string{".env", ".tfvars", ".ovpn", ".crt"}

// copyEnds are the suffixes of copies left by editors and people.
var copyEnds = []string{".bak", ".old", ".backup"}

// publicRoots are folders in which such names are certificates, examples, or belong to programs.
var publicRoots = []string{
	"/etc/ssl/certs/", "/etc/pki/", "/etc/ca-certificates/", "/etc/apt/", "/usr/share/", "/usr/lib/", "/usr/lib64/", "/usr/libexec/",
	"/usr/src/linux", "/usr/local/go/src/", "/lib/", "/lib64/", "/var/lib/dpkg/", "/proc/", "/sys/", "/opt/conda/",
}

// mixedRoots are folders with files from programs and files from people.
var mixedRoots = []string{"/usr/local/lib/", "/usr/local/share/"}

// publicParts are like publicRoots, but anywhere in a path.
var publicParts = []string{
	"/node_modules/", "/site-packages/", "/dist-packages/", "/vendor/", "/gems/", "/go/pkg/mod/", "/.cargo/registry/", "/.m2/repository/",
	"/test/", "/tests/", "/testing/", "/testdata/", "/test-data/", "/testsuite/", "/__tests__/", "/spec/", "/specs/", "/fixtures/", "/mocks/",
	"/example/", "/examples/", "/sample/", "/samples/", "/demo/", "/demos/", "/doc/", "/docs/",
}

// publicWords in the name of a key file mark it as public: a certificate, or the key that
// verifies a package archive.
var publicWords = []string{
	"cert", "chain", "ca-bundle", "public", "pub.", "pubkey", "gpg", "pgp", "release.key", "repo", "signing", "archive", "apt", "rpm",
	"dhparam", "truststore",
}

// patterns are names of .env templates.
var patterns = []string{"example", "sample", "template", "dist", "test", "defaults", "schema"}

// namedSecret judges a file by its absolute, clean path.
func namedSecret(file string) secretNaming {
	slash := max(strings.LastIndexByte(file, '/'), 0)
	name, dir := strings.TrimPrefix(file[slash:], "/"), file[:slash]
	parent := dir[strings.LastIndexByte(dir, '/')+1:]
	naming := nameAlone(name, parent)
	if naming == notSecret || strings.Contains(name, "snakeoil") { // Debian's ssl-cert generates it for tests
		return notSecret
	}
	inRoot := func(root string) bool { return strings.HasPrefix(file, root) }
	switch {
	case slices.ContainsFunc(publicParts, func(part string) bool { return strings.Contains(file, part) }):
		return notSecret
	case strings.HasPrefix(file, "/etc/pki/") && strings.HasSuffix(dir, "/private"):
	case slices.ContainsFunc(publicRoots, inRoot):
		return notSecret
	case slices.ContainsFunc(mixedRoots, inRoot):
		return byContent
	}
	return naming
}

// nameAlone is namedSecret without regard to the directory.
func nameAlone(name, parent string) secretNaming {
	if variant, ok := strings.CutPrefix(name, ".env."); ok {
		if slices.Contains(patterns, variant) {
			return notSecret
		}
		return byName
	}
	if strings.HasPrefix(name, ".wh.") {
		return notSecret
	}
	for _, end := range copyEnds {
		if original, ok := strings.CutSuffix(name, end); ok && nameAlone(original, parent) != notSecret {
			return byContent
		}
	}
	pair := parent + "/" + name
	switch {
	case secretNames[name], secretBelow[pair]:
		return byName
	case slices.ContainsFunc(secretEnds, func(end string) bool { return len(name) > len(end) && strings.HasSuffix(name, end) }):
		lower := strings.ToLower(name)
		if slices.ContainsFunc(publicWords, func(word string) bool { return strings.Contains(lower, word) }) {
			return byContent
		}
		return byName
	case settingNames[name], settingBelow[pair], parent == ".ssh" && name != "known_hosts" && !strings.HasSuffix(name, ".pub"),
		slices.ContainsFunc(settingEnds, func(end string) bool { return len(name) > len(end) && strings.HasSuffix(name, end) }):
		return byContent
	}
	return notSecret
}

// secretTails has a bit for the last two bytes of every name that may be a secret's, so that
// almost all other names are skipped quickly.
var secretTails = func() *[1 << 16 / 64]uint64 {
	var tails [1 << 16 / 64]uint64
	add := func(name string) {
		at := tail(name)
		tails[at/64] |= 1 << (at % 64)
	}
	for _, names := range []map[string]bool{secretNames, secretBelow, settingNames, settingBelow} {
		for name := range names {
			add(name)
		}
	}
	for _, end := range allEnds {
		add(end)
	}
	return &tails
}()

// tail returns the last two bytes of a name as a number. The name must have at least two bytes.
func tail[T string | []byte](name T) int {
	return int(name[len(name)-2])<<8 | int(name[len(name)-1])
}

// mayBeSecret is a cheap test that is true for every name that namedSecret may match, except in
// folders named .ssh.
func mayBeSecret(name []byte) bool {
	if len(name) < 2 {
		return false
	}
	at := tail(name)
	return secretTails[at/64]&(1<<(at%64)) != 0
}

// mayHold is a test that is true for every stored entry name that namedSecret may match. It does
// not allocate; almost all names fail it.
func mayHold(name []byte) bool {
	slash := bytes.LastIndexByte(name, '/')
	base := name[slash+1:]
	if bytes.HasPrefix(base, dotEnv) || slash >= 0 && bytes.HasSuffix(name[:slash], dotSSH) {
		return true
	}
	if !mayBeSecret(name) {
		return false
	}
	return secretBases[string(base)] || slices.ContainsFunc(allEnds, func(end string) bool {
		return len(base) > len(end) && string(base[len(base)-len(end):]) == end
	})
}

var (
	allEnds = slices.Concat(secretEnds, settingEnds, copyEnds)

	// secretBases are the file names in the tables above, without parents.
	secretBases = func() map[string]bool {
		all := map[string]bool{}
		for _, names := range []map[string]bool{secretNames, secretBelow, settingNames, settingBelow} {
			for name := range names {
				all[path.Base(name)] = true
			}
		}
		return all
	}()
)

var (
	dotEnv = []byte(".env.")
	dotSSH = []byte(".ssh")
)
