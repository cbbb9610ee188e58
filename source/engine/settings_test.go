package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/settings"
	"github.com/peelhq/peel/internal/testkit"
)

// TestSettingsHostile checks that malformed settings cause an error that names the file and
// repeats nothing that may be secret.
func TestSettingsHostile(t *testing.T) {
	tests := []struct {
		name  string
		conf  string
		json  string
		asked string // CONTAINER_CONNECTION
		err   []string
	}{
		{name: "TOML cut", conf: "[engine]\nactive_service = \"secret", err: []string{"containers.conf, line 2: "}},
		{name: "TOML of another type", conf: "[engine.service_destinations.a]\nuri = [\"ssh://me:secret@h\"]", err: []string{"containers.conf, line 2: "}},
		{name: "TOML with a key twice", conf: "[engine]\nactive_service='secret'\nactive_service='secret'", err: []string{"containers.conf", "active_service"}},
		{name: "TOML with raw control characters", conf: "[engine]\nactive_service = 'a\x1b[2Jsecret'", err: []string{"containers.conf, line 2: "}},
		{name: "TOML nested", conf: "a = " + strings.Repeat("[", settings.MostTOML-4), err: []string{"containers.conf", "nested"}},
		{name: "TOML of many keys and more", conf: manyKeys(settings.MostTOML + 1), err: []string{"containers.conf is larger than 131072 bytes"}},
		{name: "JSON cut", json: `{"Connection":{"Default":"secret`, err: []string{"podman-connections.json", "unexpected end"}},
		{name: "JSON of another type", json: `{"Connection":{"Connections":{"a":{"URI":["secret"]}}}}`, err: []string{"podman-connections.json", "cannot unmarshal array"}},
		{name: "JSON nested", json: strings.Repeat("[", settings.Most), err: []string{"podman-connections.json", "max depth"}},
		{name: "JSON too large", json: strings.Repeat(" ", settings.Most+1), err: []string{"podman-connections.json is larger than 4194304 bytes"}},
		{
			name: "a password", json: `{"Connection":{"Default":"a","Connections":{"a":{"URI":"ssh://me:secret@h"}}}}`,
			err: []string{`connection "a"`, "a password in an address"},
		},
		{
			name: "a name with control characters", json: `{"Connection":{"Default":"x","Connections":{"\u001b[2Ja\nb":{"URI":"tcp://h:1"}}}}`,
			err: []string{`known: \x1b[2Ja b`},
		},
		{name: "many names", json: manyConnections(1000), asked: "x", err: []string{"known: c000, c001", "c019 and 980 more"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			home := testkit.NoEngines(t)
			files := map[string]string{}
			if tt.conf != "" {
				files[".config/containers/containers.conf"] = tt.conf
			}
			if tt.json != "" {
				files[".config/containers/podman-connections.json"] = tt.json
			}
			testkit.WriteFiles(t, home, files)
			t.Setenv("CONTAINER_CONNECTION", tt.asked)
			_, unread := podmanAddresses()
			err := error(&SettingsError{Kind: "podman", Err: unread})
			if unread == nil {
				err = nil
			}
			testkit.WantError(t, err, tt.err...)
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%q tells a secret", err)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("got an error of %d bytes", len(err.Error()))
			}
		})
	}
}

// manyKeys returns at least size bytes of TOML.
func manyKeys(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "k%d=1\n", i)
	}
	return b.String()
}

func manyConnections(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"c%03d":{}`, i)
	}
	return `{"Connection":{"Connections":{` + b.String()[1:] + `}}}`
}
