package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// contextFiles returns the files of a context with this name.
func contextFiles(name, meta string, tlsFiles map[string]string) map[string]string {
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	files := map[string]string{".docker/contexts/meta/" + id + "/meta.json": meta}
	for file, text := range tlsFiles {
		files[".docker/contexts/tls/"+id+"/docker/"+file] = text
	}
	return files
}

func buildContext(host string) map[string]string {
	return contextFiles("build", `{"Name":"build","Metadata":{},"Endpoints":{"docker":{"Host":"`+host+`","SkipTLSVerify":false},"kubernetes":"?"}}`, nil)
}

func TestDockerHosts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("unix sockets aren't the default on this system")
	}
	cert, key := testkit.KeyPair(t)
	tests := []struct {
		name   string
		env    map[string]string // "~" stands for the home directory
		files  map[string]string
		url    string
		from   string
		tls    bool
		client bool     // our own certificate is sent
		blind  bool     // the engine's certificate isn't verified
		err    []string // parts of the error
	}{
		{name: "nothing set", url: defaultDockerHost},
		{name: "host unix", env: map[string]string{"DOCKER_HOST": "unix:///x/y.sock"}, url: "unix:///x/y.sock", from: "DOCKER_HOST"},
		{name: "host with spaces around", env: map[string]string{"DOCKER_HOST": " tcp://h:1 "}, url: "tcp://h:1", from: "DOCKER_HOST"},
		{
			name: "host before context", env: map[string]string{"DOCKER_HOST": "tcp://h:1", "DOCKER_CONTEXT": "build"},
			files: buildContext("tcp://c:2"), url: "tcp://h:1", from: "DOCKER_HOST",
		},
		{
			name: "context from the environment", env: map[string]string{"DOCKER_CONTEXT": "build"},
			files: buildContext("tcp://c:2"), url: "tcp://c:2", from: `context "build"`,
		},
		{
			name: "context from the settings", files: with(buildContext("ssh://me@c:22"), ".docker/config.json", `{"currentContext":"build"}`),
			url: "ssh://me@c:22", from: `context "build"`,
		},
		{
			name: "the environment's default over the settings' context", env: map[string]string{"DOCKER_CONTEXT": "default"},
			files: with(buildContext("tcp://c:2"), ".docker/config.json", `{"currentContext":"build"}`), url: defaultDockerHost,
		},
		{name: "settings without a context", files: map[string]string{".docker/config.json": `{"auths":{}}`}, url: defaultDockerHost},
		{name: "empty settings", files: map[string]string{".docker/config.json": ""}, url: defaultDockerHost},
		{
			name: "settings elsewhere", env: map[string]string{"DOCKER_CONFIG": "~/other"},
			files: map[string]string{"other/config.json": `{"currentContext":"x"}`}, err: []string{`context "x"`, "other/config.json", "known: default"},
		},
		{name: "settings malformed", files: map[string]string{".docker/config.json": `{"currentContext":`}, err: []string{"config.json", "unexpected end"}},
		{
			name: "context unknown", env: map[string]string{"DOCKER_CONTEXT": "nope"}, files: buildContext("tcp://c:2"),
			err: []string{`context "nope", from DOCKER_CONTEXT: no such context (known: default, build)`},
		},
		{name: "context that climbs", env: map[string]string{"DOCKER_CONTEXT": "../../etc"}, err: []string{"no such context"}},
		{
			name: "context without an endpoint", env: map[string]string{"DOCKER_CONTEXT": "b"},
			files: contextFiles("b", `{"Name":"b","Endpoints":{}}`, nil), err: []string{"no endpoint for docker"},
		},
		{
			name: "context of another name", env: map[string]string{"DOCKER_CONTEXT": "b"},
			files: contextFiles("b", `{"Name":"c\u001b[2J","Endpoints":{}}`, nil), err: []string{`a context named "c\x1b[2J"`},
		},
		{
			name: "context malformed", env: map[string]string{"DOCKER_CONTEXT": "b"},
			files: contextFiles("b", `[]`, nil), err: []string{"reading", "meta.json", "cannot unmarshal"},
		},
		{
			name: "endpoint malformed", env: map[string]string{"DOCKER_CONTEXT": "b"},
			files: contextFiles("b", `{"Name":"b","Endpoints":{"docker":7}}`, nil), err: []string{"the endpoint for docker"},
		},
		{
			name: "context without a host", env: map[string]string{"DOCKER_CONTEXT": "b"},
			files: contextFiles("b", `{"Name":"b","Endpoints":{"docker":{}}}`, nil), url: defaultDockerHost, from: `context "b"`,
		},
		{
			name: "context with TLS", env: map[string]string{"DOCKER_CONTEXT": "b"},
			files: contextFiles("b", `{"Name":"b","Endpoints":{"docker":{"Host":"tcp://c:2376"}}}`, map[string]string{"ca.pem": cert, "cert.pem": cert, "key.pem": key}),
			url:   "tcp://c:2376", from: `context "b"`, tls: true, client: true,
		},
		{
			name: "context that checks nothing", env: map[string]string{"DOCKER_CONTEXT": "b"},
			files: contextFiles("b", `{"Name":"b","Endpoints":{"docker":{"Host":"tcp://c","SkipTLSVerify":true}}}`, nil),
			url:   "tcp://c:2376", from: `context "b"`, tls: true, blind: true,
		},
		{
			name: "context with a bad authority", env: map[string]string{"DOCKER_CONTEXT": "b"},
			files: contextFiles("b", `{"Name":"b","Endpoints":{"docker":{"Host":"tcp://c"}}}`, map[string]string{"ca.pem": "?"}),
			err:   []string{"ca.pem holds no certificate"},
		},
		{
			name: "context with half a pair", env: map[string]string{"DOCKER_CONTEXT": "b"},
			files: contextFiles("b", `{"Name":"b","Endpoints":{"docker":{"Host":"tcp://c"}}}`, map[string]string{"cert.pem": cert}),
			err:   []string{"has cert.pem, but no key.pem"},
		},
		{
			name: "context with a pair that does not fit", env: map[string]string{"DOCKER_CONTEXT": "b"},
			files: contextFiles("b", `{"Name":"b","Endpoints":{"docker":{"Host":"tcp://c"}}}`, map[string]string{"cert.pem": cert, "key.pem": "?"}),
			err:   []string{"reading cert.pem and key.pem"},
		},
		{
			name: "TLS by the environment", env: map[string]string{"DOCKER_HOST": "tcp://h", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "~/certs"},
			files: map[string]string{"certs/ca.pem": cert, "certs/cert.pem": cert, "certs/key.pem": key},
			url:   "tcp://h:2376", from: "DOCKER_HOST", tls: true, client: true,
		},
		{
			name: "TLS files beside the settings", env: map[string]string{"DOCKER_HOST": "tcp://h:9", "DOCKER_TLS_VERIFY": "1"},
			files: map[string]string{".docker/ca.pem": cert}, url: "tcp://h:9", from: "DOCKER_HOST", tls: true,
		},
		{
			name: "TLS without an authority", env: map[string]string{"DOCKER_HOST": "tcp://h:9", "DOCKER_TLS_VERIFY": "1"},
			err: []string{"DOCKER_TLS_VERIFY", ": no ", "ca.pem", "DOCKER_CERT_PATH"},
		},
		{
			name: "TLS that checks nothing", env: map[string]string{"DOCKER_HOST": "tcp://h:9", "DOCKER_TLS": "1"},
			url: "tcp://h:9", from: "DOCKER_HOST", tls: true, blind: true,
		},
		{
			name: "certificates alone ask for nothing", env: map[string]string{"DOCKER_HOST": "tcp://h:9", "DOCKER_CERT_PATH": "~/certs"},
			url: "tcp://h:9", from: "DOCKER_HOST",
		},
		{
			name: "TLS without a host", env: map[string]string{"DOCKER_TLS": "1"},
			url: "tcp://localhost:2376", from: "DOCKER_TLS_VERIFY", tls: true, blind: true,
		},
		{
			name: "TLS is not for sockets", env: map[string]string{"DOCKER_HOST": "unix:///x.sock", "DOCKER_TLS": "1"},
			url: "unix:///x.sock", from: "DOCKER_HOST",
		},
		{
			name: "settings are a directory", files: map[string]string{".docker/config.json/x": ""}, err: []string{"config.json is not a regular file"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			home := testkit.NoEngines(t)
			testkit.WriteFiles(t, home, tt.files)
			for name, value := range tt.env {
				t.Setenv(name, strings.Replace(value, "~", home, 1))
			}
			hosts, err := dockerAddresses()
			testkit.WantError(t, err, tt.err...)
			if err != nil {
				return
			}
			h := hosts[0]
			if len(hosts) != 1 || h.url != tt.url || h.from != tt.from {
				t.Fatalf("got hosts %+v, want %s from %q", hosts, tt.url, tt.from)
			}
			if (h.tls != nil) != tt.tls {
				t.Fatalf("TLS %v, want %v", h.tls != nil, tt.tls)
			}
			if tt.tls && (h.tls.InsecureSkipVerify != tt.blind || len(h.tls.Certificates) > 0 != tt.client) {
				t.Errorf("got TLS unchecked %v with %d certificates, want %v, %v", h.tls.InsecureSkipVerify, len(h.tls.Certificates), tt.blind, tt.client)
			}
		})
	}
}

// with returns a copy of files with one more.
func with(files map[string]string, name, text string) map[string]string {
	files[name] = text
	return files
}

// TestDockerHostsOfUser checks the sockets of rootless Docker and Docker Desktop, which lie in
// the user's own directories.
func TestDockerHostsOfUser(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this system has no such sockets")
	}
	home := testkit.NoEngines(t)
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(home, "run"))
	testkit.WriteFiles(t, home, map[string]string{"run/docker.sock": "", ".docker/run/docker.sock": ""})
	hosts, err := dockerAddresses()
	if err != nil {
		t.Fatal(err)
	}
	var own []string
	for _, h := range hosts {
		if h.url != defaultDockerHost {
			own = append(own, h.url)
		}
	}
	want := "unix://" + home + "/run/docker.sock unix://" + home + "/.docker/run/docker.sock"
	if got := strings.Join(own, " "); got != want {
		t.Errorf("sockets %s, want %s", got, want)
	}
}

func TestParseEngineHost(t *testing.T) {
	tests := []struct {
		raw string
		url string // "" if it's refused
		err string
	}{
		{raw: "unix:///run/docker.sock", url: "unix:///run/docker.sock"},
		{raw: "unix:/run/podman/podman.sock", url: "unix:///run/podman/podman.sock"},
		{raw: "unix:///with space/%41.sock", url: "unix:///with space/%41.sock"},
		{raw: "unix://relative.sock", err: "not absolute"},
		{raw: "unix://", err: "not absolute"},
		{raw: "unix:///a\x00b", err: "zero byte"},
		{raw: "tcp://10.0.0.1:2375", url: "tcp://10.0.0.1:2375"},
		{raw: "tcp://10.0.0.1", url: "tcp://10.0.0.1:2375"},
		{raw: "tcp://", url: "tcp://localhost:2375"},
		{raw: "tcp://[::1]:1/prefix/", url: "tcp://[::1]:1/prefix"},
		{raw: "10.0.0.1:2375", url: "tcp://10.0.0.1:2375"},
		{raw: "http://h", url: "tcp://h:2375"},
		{raw: "https://h", url: "tcp://h:2376"},
		{raw: "tcp://h:0", err: "not a port"},
		{raw: "tcp://h:70000", err: "not a port"},
		{raw: "tcp://h:x", err: "invalid port"},
		{raw: "tcp://me@h:1", err: "a user in a tcp address"},
		{raw: "tcp://h:1?x=y", err: "no query"},
		{raw: "tcp://h:1#x", err: "no fragment"},
		{raw: "ssh://me@h:22/run/docker.sock", url: "ssh://me@h:22/run/docker.sock"},
		{raw: "ssh://h", url: "ssh://h"},
		{raw: "ssh://", err: "hostname is empty"},
		{raw: "ssh://-oProxyCommand=touch/x", err: "begins with a dash"},
		{raw: "ssh://-l@h", err: "begins with a dash"},
		{raw: "ssh://%2dl@h", err: "begins with a dash"},
		{raw: "ssh://a%0ab@h", err: "control character"},
		{raw: "ssh://h/a%1bb", err: "control character"},
		{raw: "ssh://me:secret@h", err: "a password in an address"},
		{raw: "ssh://h?x", err: "no query"},
		{raw: "fd://", err: "not a way to reach an engine"},
		{raw: "ftp://h", err: "not a way to reach an engine"},
		{raw: "/run/docker.sock", err: "not an address"},
		{raw: "", err: "not an address"},
		{raw: "tcp://me:secret@h\x7f", err: "invalid control character"},
		{raw: "tcp://me:secret@h:port", err: "invalid port"},
		{raw: "\x1b[2J", err: `"\x1b[2J" is not an address`},
	}
	for _, tt := range tests {
		t.Run(tt.raw, func(t *testing.T) {
			h, err := parseAddress(tt.raw, "HERE", nil)
			if tt.url == "" {
				testkit.WantError(t, err, "HERE: ", tt.err)
				if strings.Contains(err.Error(), "secret") {
					t.Errorf("error %q shows a password", err)
				}
				return
			}
			if err != nil || h.url != tt.url {
				t.Errorf("%q, %v, want %q", h.url, err, tt.url)
			}
		})
	}
}
