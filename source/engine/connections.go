package engine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// readConnections reads the services that podman knows: from
// podman-connections.json, where podman keeps them since 5.0, and from
// containers.conf, where it kept them before. The former wins. Files that do
// not exist hold none.
func readConnections() (podmanConnections, error) {
	none := podmanConnections{Connections: map[string]podmanConnection{}}
	old, recent := os.Getenv("CONTAINERS_CONF"), os.Getenv("PODMAN_CONNECTIONS_CONF")
	if dir := configHome(); dir != "" {
		old = cmp.Or(old, filepath.Join(dir, "containers.conf"))
		recent = cmp.Or(recent, filepath.Join(dir, "podman-connections.json"))
	}
	data, err := optionalSettings(old)
	if err != nil {
		return none, fmt.Errorf("reading podman's settings: %w", err)
	}
	all := parseContainersConf(string(data))
	all.file = old

	data, err = optionalSettings(recent)
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

// parseContainersConf takes podman's connections out of a containers.conf,
// which is TOML, in the one form that podman writes:
//
//	[engine]
//	  active_service = "build"
//	  [engine.service_destinations]
//	    [engine.service_destinations.build]
//	      uri = "ssh://me@build:22/run/user/1000/podman/podman.sock"
//	      identity = "/home/me/.ssh/id"
//	      is_machine = true
//
// Whatever else stands there is passed over.
func parseContainersConf(text string) podmanConnections {
	const prefix = "engine.service_destinations."
	found := podmanConnections{Connections: map[string]podmanConnection{}}
	table := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inner, _, _ := strings.Cut(line, "]")
			table = strings.TrimSpace(inner[1:])
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		key, value = strings.TrimSpace(key), tomlValue(value)
		if table == "engine" && key == "active_service" {
			found.Default = value
			continue
		}
		name, ok := strings.CutPrefix(table, prefix)
		if !ok {
			continue
		}
		name = tomlValue(name)
		c := found.Connections[name]
		switch key {
		case "uri":
			c.URI = value
		case "identity":
			c.Identity = value
		case "is_machine":
			c.IsMachine = value == "true"
		}
		found.Connections[name] = c
	}
	return found
}

// tomlValue returns a string of TOML, "basic" or 'literal', without its quotes,
// or a bare word, and drops a comment behind it.
func tomlValue(s string) string {
	s = strings.TrimSpace(s)
	switch {
	case strings.HasPrefix(s, `"`):
		if quoted, err := strconv.QuotedPrefix(s); err == nil {
			if text, err := strconv.Unquote(quoted); err == nil {
				return text
			}
		}
	case strings.HasPrefix(s, "'"):
		if text, _, ok := strings.Cut(s[1:], "'"); ok {
			return text
		}
	}
	bare, _, _ := strings.Cut(s, "#")
	return strings.TrimSpace(bare)
}
