package source

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// podmanEngine connects to podman's service, which speaks Docker's API; see
// podmanHosts. The error tells each host that was tried, why it failed and what
// to try.
func podmanEngine(ctx context.Context, log *slog.Logger) (engine, error) {
	hosts, unread := podmanHosts()
	if len(hosts) == 0 {
		return nil, fmt.Errorf("podman: %w", unread)
	}
	e, err := connectEngine(ctx, "podman", hosts, log)
	switch {
	case err == nil:
		return e, nil
	case unread != nil:
		err = fmt.Errorf("%w; podman: %w", err, unread)
	}
	return nil, err
}

// podmanHosts returns where podman's service may listen, to be tried in turn:
//
//  1. CONTAINER_HOST, with CONTAINER_SSHKEY, alone if it is set;
//  2. the connection that CONTAINER_CONNECTION names, alone if it is set;
//  3. the sockets of this user's and of the system's service, and the default
//     connection: on Linux and FreeBSD, where podman runs by itself, in this
//     order, elsewhere the connection first.
//
// The error is of settings that could not be read. There may be hosts beside
// it, and is no host only with an error.
func podmanHosts() ([]engineHost, error) {
	if raw := os.Getenv("CONTAINER_HOST"); raw != "" {
		h, err := parseEngineHost(raw, "CONTAINER_HOST", nil)
		if err == nil && h.ssh != nil {
			h.ssh.identity = os.Getenv("CONTAINER_SSHKEY")
		}
		return oneHost(h, err)
	}
	known, err := readConnections()
	if name := os.Getenv("CONTAINER_CONNECTION"); name != "" {
		if err != nil {
			return nil, err
		}
		return oneHost(known.host(name, "CONTAINER_CONNECTION"))
	}
	sockets := podmanSockets()
	var remote []engineHost
	if err == nil && known.Default != "" {
		remote, err = oneHost(known.host(known.Default, known.file))
	}
	var hosts []engineHost
	if runtime.GOOS == "linux" || runtime.GOOS == "freebsd" {
		hosts = slices.Concat(sockets, remote)
	} else {
		hosts = slices.Concat(remote, sockets)
	}
	if len(hosts) == 0 {
		hosts = []engineHost{{url: "unix://" + podmanSocketPaths()[0]}}
	}
	return hosts, err
}

// podmanSocketPaths are the sockets podman listens on by itself, the likeliest
// first.
func podmanSocketPaths() []string {
	const system = "/run/podman/podman.sock"
	var own []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		own = append(own, filepath.Join(dir, "podman", "podman.sock"))
	}
	uid := os.Getuid()
	if uid <= 0 { // root, or Windows
		return append([]string{system}, own...)
	}
	run := filepath.Join("/run/user", strconv.Itoa(uid), "podman", "podman.sock")
	if !slices.Contains(own, run) {
		own = append(own, run)
	}
	return append(own, system)
}

// podmanSockets returns those of podmanSocketPaths that exist.
func podmanSockets() []engineHost {
	var hosts []engineHost
	for _, path := range podmanSocketPaths() {
		if exists(path) {
			hosts = append(hosts, engineHost{url: "unix://" + path})
		}
	}
	return hosts
}

// podmanConnections are the services that "podman system connection" knows.
type podmanConnections struct {
	Default     string
	Connections map[string]podmanConnection
	file        string // that named the default
}

// A podmanConnection is one of them.
type podmanConnection struct {
	URI       string
	Identity  string // file of the private key for ssh
	IsMachine bool   // podman's own virtual machine on this computer
}

// host returns the host of a connection. asked is who named it, for errors.
func (c podmanConnections) host(name, asked string) (engineHost, error) {
	found, ok := c.Connections[name]
	if !ok {
		known := strings.Join(slices.Sorted(maps.Keys(c.Connections)), ", ")
		if known == "" {
			known = "none"
		}
		return engineHost{}, fmt.Errorf("connection %q, from %s: there is no such connection (there are: %s)", name, asked, known)
	}
	h, err := parseEngineHost(found.URI, fmt.Sprintf("connection %q", name), nil)
	if err != nil {
		return engineHost{}, err
	}
	if h.ssh != nil {
		h.ssh.identity = found.Identity
		h.ssh.machine = found.IsMachine && slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, h.ssh.spec.Host)
	}
	return h, nil
}

// configHome is where a user's containers.conf and podman-connections.json are;
// "" if there is no home.
func configHome() string {
	if dir := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "containers")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".config", "containers")
}
