package engine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/peelhq/peel/internal/settings"
)

// readConnections reads podman's known services: from podman-connections.json, used since podman
// 5.0, and from containers.conf, used before. The former takes precedence. A missing file counts
// as empty.
func readConnections() (podmanConnections, error) {
	none := podmanConnections{Connections: map[string]podmanConnection{}}
	old, recent := os.Getenv("CONTAINERS_CONF"), os.Getenv("PODMAN_CONNECTIONS_CONF")
	if dir := configHome(); dir != "" {
		old = cmp.Or(old, filepath.Join(dir, "containers.conf"))
		recent = cmp.Or(recent, filepath.Join(dir, "podman-connections.json"))
	}
	var conf containersConf
	if _, err := settings.TOML(old, &conf); err != nil {
		return none, fmt.Errorf("reading podman's settings: %w", err)
	}
	all := podmanConnections{Default: conf.Engine.ActiveService, Connections: map[string]podmanConnection{}, file: old}
	maps.Copy(all.Connections, conf.Engine.ServiceDestinations)

	data, err := settings.Optional(recent)
	if err != nil {
		return none, fmt.Errorf("reading podman's connections: %w", err)
	}
	if len(data) == 0 {
		return all, nil
	}
	var file struct{ Connection podmanConnections }
	if err := json.Unmarshal(data, &file); err != nil {
		return none, fmt.Errorf("reading podman's connections in %s: %w", recent, err)
	}
	maps.Copy(all.Connections, file.Connection.Connections)
	if file.Connection.Default != "" {
		all.Default, all.file = file.Connection.Default, recent
	}
	return all, nil
}

// containersConf is what a containers.conf says of connections:
//
//	[engine]
//	  active_service = "build"
//	  [engine.service_destinations.build]
//	    uri = "ssh://me@build:22/run/user/1000/podman/podman.sock"
//	    identity = "/home/me/.ssh/id"
//	    is_machine = true
type containersConf struct {
	Engine struct {
		ActiveService       string                      `toml:"active_service"`
		ServiceDestinations map[string]podmanConnection `toml:"service_destinations"`
	} `toml:"engine"`
}
