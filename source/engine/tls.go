package engine

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxSettings bounds, in bytes, the files that say where an engine is: Docker's
// and podman's configuration, contexts, certificates.
const maxSettings = 4 << 20

// readSettings reads a small regular file. The error is fs.ErrNotExist if there
// is none, and names the file.
func readSettings(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if len(data) > maxSettings {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxSettings)
	}
	return data, nil
}

// tlsFromDir makes a TLS configuration of the files ca.pem, cert.pem and
// key.pem in dir, each of which may be absent, though not the key alone of a
// pair. The engine's certificate must then be signed by ca.pem; by the system's
// authorities if there is none; and is not checked at all if insecure. It
// returns nil if dir holds none of the three and insecure is false.
func tlsFromDir(dir string, insecure bool) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure} //nolint:gosec // asked for, by DOCKER_TLS or by the context
	found := insecure
	if !insecure {
		ca, err := optionalSettings(filepath.Join(dir, "ca.pem"))
		if err != nil {
			return nil, fmt.Errorf("reading the TLS authority: %w", err)
		}
		if ca != nil {
			found = true
			config.RootCAs = x509.NewCertPool()
			if !config.RootCAs.AppendCertsFromPEM(ca) {
				return nil, fmt.Errorf("reading the TLS authority: %s holds no certificate", filepath.Join(dir, "ca.pem"))
			}
		}
	}
	cert, err := optionalSettings(filepath.Join(dir, "cert.pem"))
	if err != nil {
		return nil, fmt.Errorf("reading the TLS certificate: %w", err)
	}
	key, err := optionalSettings(filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, fmt.Errorf("reading the TLS key: %w", err)
	}
	switch {
	case cert != nil && key != nil:
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("reading cert.pem and key.pem in %s: %w", dir, err)
		}
		config.Certificates = []tls.Certificate{pair}
		found = true
	case cert != nil:
		return nil, fmt.Errorf("%s has cert.pem, but no key.pem", dir)
	case key != nil:
		return nil, fmt.Errorf("%s has key.pem, but no cert.pem", dir)
	}
	if !found {
		return nil, nil
	}
	return config, nil
}

// optionalSettings is readSettings, but nil for a file that is not there; of an
// empty one it is not nil.
func optionalSettings(path string) ([]byte, error) {
	data, err := readSettings(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}
