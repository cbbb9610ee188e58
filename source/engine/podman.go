package engine

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
)

// podmanAddresses returns where podman's service may listen, to be tried in turn:
//
//  1. CONTAINER_HOST, with CONTAINER_SSHKEY, alone if it is set;
//  2. the connection that CONTAINER_CONNECTION names, alone if it is set;
//  3. the sockets of this user's and of the system's service, and the default
//     connection. On Linux and FreeBSD, where podman runs without a virtual
//     machine, the sockets come first; on other systems, the connection.
//
// The error is of settings that could not be read. There may be addresses beside
// it; there are none only with an error.
func podmanAddresses() ([]address, error) {
	if raw := os.Getenv("CONTAINER_HOST"); raw != "" {
		h, err := parseAddress(raw, "CONTAINER_HOST", nil)
		if err == nil && h.ssh != nil {
			h.ssh.identity = os.Getenv("CONTAINER_SSHKEY")
		}
		return oneAddress(h, err)
	}
	known, err := readConnections()
	if name := os.Getenv("CONTAINER_CONNECTION"); name != "" {
		if err != nil {
			return nil, err
		}
		return oneAddress(known.address(name, "CONTAINER_CONNECTION"))
	}
	sockets := podmanSockets()
	var remote []address
	if err == nil && known.Default != "" {
		remote, err = oneAddress(known.address(known.Default, known.file))
	}
	var addresses []address
	if runtime.GOOS == "linux" || runtime.GOOS == "freebsd" {
		addresses = slices.Concat(sockets, remote)
	} else {
		addresses = slices.Concat(remote, sockets)
	}
	if len(addresses) == 0 {
		addresses = []address{{url: "unix://" + podmanSocketPaths()[0]}}
	}
	return addresses, err
}

// podmanSocketPaths returns podman's default sockets, likeliest first.
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
func podmanSockets() []address {
	var addresses []address
	for _, path := range podmanSocketPaths() {
		if exists(path) {
			addresses = append(addresses, address{url: "unix://" + path})
		}
	}
	return addresses
}

// podmanConnections are the services of "podman system connection".
type podmanConnections struct {
	Default     string
	Connections map[string]podmanConnection
	file        string // file that names the default
}

// A podmanConnection is one of them.
type podmanConnection struct {
	URI       string `toml:"uri"`
	Identity  string `toml:"identity"`   // private key file for ssh
	IsMachine bool   `toml:"is_machine"` // podman's own virtual machine on this computer
}

// address returns the address of a connection. asked is its origin, for errors.
func (c podmanConnections) address(name, asked string) (address, error) {
	found, ok := c.Connections[name]
	if !ok {
		known := listed(slices.Sorted(maps.Keys(c.Connections)))
		return address{}, fmt.Errorf("connection %q, from %s: no such connection (known: %s)", name, asked, known)
	}
	h, err := parseAddress(found.URI, fmt.Sprintf("connection %q", name), nil)
	if err != nil {
		return address{}, err
	}
	if h.ssh != nil {
		h.ssh.identity = found.Identity
		h.ssh.machine = found.IsMachine && slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, h.ssh.spec.Host)
	}
	return h, nil
}

// configHome returns the folder of a user's containers.conf and podman-connections.json; ""
// without a home folder.
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
