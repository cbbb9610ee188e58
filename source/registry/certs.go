package registry

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/peelhq/peel/internal/settings"
)

// certDirs are the folders with certificates by host: of containers' tools, of Docker (rootless,
// Docker Desktop, the system's), of containerd. Sources: containers-certs.d(5); Docker, "Verify
// repository client with certificates"; containerd, docs/hosts.md, "CertDir".
func certDirs() []string {
	var out []string
	add := func(parts ...string) {
		if parts[0] != "" {
			out = append(out, filepath.Join(parts...))
		}
	}
	add(userConfig("certs.d"))
	add(systemFile("etc/containers/certs.d"))
	if home := homeDir(); home != "" {
		add(home, ".config", "docker", "certs.d")
		add(home, ".docker", "certs.d")
	}
	add(systemFile("etc/docker/certs.d"))
	add(systemFile("etc/containerd/certs.d"))
	return out
}

// maxCerts is the maximum number of files in one such folder.
const maxCerts = 200

// A tlsBuilder collects the TLS settings for one host.
type tlsBuilder struct {
	config *tls.Config
	own    bool // it has authorities in addition to the system's
}

func newTLS() *tlsBuilder {
	pool, err := x509.SystemCertPool()
	if err != nil || pool == nil {
		pool = x509.NewCertPool()
	}
	return &tlsBuilder{config: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}}
}

// authority adds the certificates in a file to the trusted ones.
func (b *tlsBuilder) authority(file string) error {
	pem, err := settings.Read(file)
	if err != nil {
		return err
	}
	if !b.config.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s holds no certificate", file)
	}
	b.own = true
	return nil
}

// client adds a client certificate. key may be in the same file.
func (b *tlsBuilder) client(cert, key string) error {
	certPEM, err := settings.Read(cert)
	if err != nil {
		return err
	}
	keyPEM, err := settings.Read(cmp.Or(key, cert))
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return fmt.Errorf("%s: %w", cert, err)
	}
	b.config.Certificates = append(b.config.Certificates, pair)
	return nil
}

// folder adds the files in a host's folder: NAME.crt is an authority, NAME.cert and NAME.key are
// a client certificate.
func (b *tlsBuilder) folder(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for i, e := range entries {
		if i == maxCerts {
			return fmt.Errorf("%s: more than %d files", dir, maxCerts)
		}
		path := filepath.Join(dir, e.Name())
		switch filepath.Ext(path) {
		case ".crt":
			err = b.authority(path)
		case ".cert":
			err = b.client(path, strings.TrimSuffix(path, ".cert")+".key")
		default:
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// certsOf reads the certificate folders for a host, "HOST" or "HOST:PORT".
func certsOf(hostName string) (*tlsBuilder, error) {
	b := newTLS()
	for _, dir := range certDirs() {
		if err := b.folder(filepath.Join(dir, hostFolder(hostName))); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// hostFolder returns the name of a host's folder.
func hostFolder(hostName string) string {
	if hub(hostName) {
		return "docker.io"
	}
	return hostName
}
