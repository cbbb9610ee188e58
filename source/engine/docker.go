package engine

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/peelhq/peel/internal/settings"
)

// defaultContext is the context for the environment and the default socket. It has no file.
const defaultContext = "default"

// dockerAddresses returns where Docker's engine may listen, to be tried in turn,
// resolved as Docker's own command line does:
//
//  1. DOCKER_HOST, with DOCKER_TLS_VERIFY, DOCKER_TLS and DOCKER_CERT_PATH;
//  2. the context that DOCKER_CONTEXT names;
//  3. the context that config.json in DOCKER_CONFIG (~/.docker) calls current;
//  4. the default: the system's socket, or tcp://localhost:2376 if the
//     environment asks for TLS.
//
// Beyond that, the sockets of a rootless Docker and of Docker Desktop are tried
// in the last case, if they exist. Only that case gives more than one host.
func dockerAddresses() ([]address, error) {
	dir := dockerConfigDir()
	if raw := os.Getenv("DOCKER_HOST"); raw != "" {
		secure, err := tlsFromEnv(dir)
		if err != nil {
			return nil, err
		}
		return oneAddress(parseAddress(raw, "DOCKER_HOST", secure))
	}
	name, from := os.Getenv("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
	if name == "" && dir != "" {
		from = filepath.Join(dir, "config.json")
		var err error
		name, err = currentContext(from)
		if err != nil {
			return nil, err
		}
	}
	if name != "" && name != defaultContext {
		h, err := contextAddress(dir, name)
		if err != nil {
			return nil, fmt.Errorf("context %q, from %s: %w", name, from, err)
		}
		return []address{h}, nil
	}
	secure, err := tlsFromEnv(dir)
	if err != nil {
		return nil, err
	}
	if secure != nil {
		return oneAddress(parseAddress("tcp://localhost:"+tlsPort, "DOCKER_TLS_VERIFY", secure))
	}
	return defaultDockerAddresses(), nil
}

// DockerChosen returns the setting that selects the Docker engine, for people: "DOCKER_HOST", or
// the context from DOCKER_CONTEXT or config.json; "" for the default address.
func DockerChosen() string {
	if os.Getenv("DOCKER_HOST") != "" {
		return "DOCKER_HOST"
	}
	name := os.Getenv("DOCKER_CONTEXT")
	if dir := dockerConfigDir(); name == "" && dir != "" {
		name, _ = currentContext(filepath.Join(dir, "config.json")) // reported when the engine is used
	}
	if name == "" || name == defaultContext {
		return ""
	}
	return fmt.Sprintf("context %q", name)
}

// oneAddress makes a list of a single host.
func oneAddress(h address, err error) ([]address, error) {
	if err != nil {
		return nil, err
	}
	return []address{h}, nil
}

// defaultDockerAddresses returns the existing sockets among the system's and a
// user's own. If none exists, it returns the system's, for the error message.
func defaultDockerAddresses() []address {
	addresses := []address{{url: defaultDockerHost}}
	if runtime.GOOS == "windows" {
		return addresses
	}
	if !exists(addresses[0].socket()) {
		addresses = nil
	}
	var own []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		own = append(own, filepath.Join(dir, "docker.sock"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		own = append(own, filepath.Join(home, ".docker", "run", "docker.sock"))
	}
	for _, path := range own {
		if exists(path) {
			addresses = append(addresses, address{url: "unix://" + path})
		}
	}
	if len(addresses) == 0 {
		return []address{{url: defaultDockerHost}}
	}
	return addresses
}

// exists reports whether path exists; true if that is unknown.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}

// dockerConfigDir returns the settings folder of Docker's command line; "" without a home folder.
func dockerConfigDir() string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".docker")
}

// tlsFromEnv returns the TLS configuration from the environment: with a check
// of the engine's certificate if DOCKER_TLS_VERIFY is not empty, without the
// check if only DOCKER_TLS is not empty, else nil. The files are in
// DOCKER_CERT_PATH, or next to the settings.
func tlsFromEnv(dir string) (*tls.Config, error) {
	verify := os.Getenv("DOCKER_TLS_VERIFY") != ""
	if !verify && os.Getenv("DOCKER_TLS") == "" {
		return nil, nil
	}
	if path := os.Getenv("DOCKER_CERT_PATH"); path != "" {
		dir = path
	}
	if dir == "" {
		return nil, errors.New("DOCKER_TLS_VERIFY: no home directory, and so no certificates: set DOCKER_CERT_PATH")
	}
	if ca := filepath.Join(dir, "ca.pem"); verify && !exists(ca) {
		return nil, fmt.Errorf("DOCKER_TLS_VERIFY: no %s: set DOCKER_CERT_PATH to the directory of ca.pem, cert.pem and key.pem", ca)
	}
	config, err := tlsFromDir(dir, !verify)
	if err != nil {
		return nil, fmt.Errorf("DOCKER_TLS_VERIFY: %w", err)
	}
	return config, nil
}

// currentContext returns the current context in a config.json; "" if it has none or does not
// exist.
func currentContext(path string) (string, error) {
	data, err := settings.Optional(path)
	if err != nil {
		return "", fmt.Errorf("reading Docker's settings: %w", err)
	}
	if len(data) == 0 {
		return "", nil
	}
	var settings struct {
		CurrentContext string `json:"currentContext"`
	}
	if err := json.Unmarshal(data, &settings); err != nil {
		return "", fmt.Errorf("reading Docker's settings in %s: %w", path, err)
	}
	return settings.CurrentContext, nil
}

// contextMeta is the relevant part of a context's meta.json.
type contextMeta struct {
	Name      string
	Endpoints map[string]json.RawMessage
}

// contextEndpoint is a context's "docker" endpoint. Other endpoints have other formats.
type contextEndpoint struct {
	Host          string
	SkipTLSVerify bool
}

// contextAddress returns the address of a context. Its directories are named by
// the SHA-256 of its name, so no name can lead out of them:
// contexts/meta/<sum>/meta.json and
// contexts/tls/<sum>/docker/{ca,cert,key}.pem.
func contextAddress(dir, name string) (address, error) {
	if dir == "" {
		return address{}, errors.New("no home directory, and so no contexts: set DOCKER_CONFIG")
	}
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	file := filepath.Join(dir, "contexts", "meta", id, "meta.json")
	meta, err := readContext(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return address{}, fmt.Errorf("no such context (known: %s)", listed(contextNames(dir)))
	case err != nil:
		return address{}, err
	case meta.Name != name:
		return address{}, fmt.Errorf("%s describes a context named %q", file, meta.Name)
	}
	raw, ok := meta.Endpoints["docker"]
	if !ok {
		return address{}, fmt.Errorf("%s has no endpoint for docker", file)
	}
	var endpoint contextEndpoint
	if err := json.Unmarshal(raw, &endpoint); err != nil {
		return address{}, fmt.Errorf("reading the endpoint for docker in %s: %w", file, err)
	}
	secure, err := tlsFromDir(filepath.Join(dir, "contexts", "tls", id, "docker"), endpoint.SkipTLSVerify)
	if err != nil {
		return address{}, err
	}
	from := fmt.Sprintf("context %q", name)
	if endpoint.Host == "" {
		return address{url: defaultDockerHost, from: from}, nil
	}
	return parseAddress(endpoint.Host, from, secure)
}

// readContext parses a meta.json.
func readContext(path string) (contextMeta, error) {
	data, err := settings.Read(path)
	if err != nil {
		return contextMeta{}, err
	}
	var meta contextMeta
	if err := json.Unmarshal(data, &meta); err != nil {
		return contextMeta{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return meta, nil
}

// contextNames lists the existing contexts, sorted, for an error message.
func contextNames(dir string) []string {
	names := []string{defaultContext}
	root := filepath.Join(dir, "contexts", "meta")
	ids, err := os.ReadDir(root)
	if err != nil {
		return names
	}
	for _, id := range ids {
		meta, err := readContext(filepath.Join(root, id.Name(), "meta.json"))
		if err == nil && meta.Name != "" {
			names = append(names, meta.Name)
		}
	}
	slices.Sort(names[1:])
	return names
}
