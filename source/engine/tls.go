package engine

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"path/filepath"

	"github.com/peelhq/peel/internal/settings"
)

// tlsFromDir makes a TLS configuration from ca.pem, cert.pem and key.pem in dir. Each may be
// missing, but cert.pem and key.pem only together. The engine's certificate must be signed by
// ca.pem or, without it, by the system's authorities; with insecure it is not checked. It returns
// nil if dir has none of the three and insecure is false.
func tlsFromDir(dir string, insecure bool) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure} //nolint:gosec // asked for, by DOCKER_TLS or by the context
	found := insecure
	if !insecure {
		ca, err := settings.Optional(filepath.Join(dir, "ca.pem"))
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
	cert, err := settings.Optional(filepath.Join(dir, "cert.pem"))
	if err != nil {
		return nil, fmt.Errorf("reading the TLS certificate: %w", err)
	}
	key, err := settings.Optional(filepath.Join(dir, "key.pem"))
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
