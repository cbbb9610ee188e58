package engine

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

func TestPodmanHosts(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the order of sockets and connections is the one on Linux")
	}
	const connections = `{"Connection":{"Default":"vm","Connections":{
		"vm":{"URI":"ssh://core@127.0.0.1:53685/run/user/501/podman/podman.sock","Identity":"/keys/vm","IsMachine":true},
		"far":{"URI":"ssh://me@far:22/run/podman/podman.sock","Identity":"/keys/far","IsMachine":true},
		"tcp":{"URI":"tcp://h:1"},
		"bad":{"URI":"ssh://-x/y"}}}}`
	const conf = `# a comment
[containers]
uri = "not this"
[engine]
  active_service = "old" # another
  [engine.service_destinations]
    [engine.service_destinations.old]
      uri = 'ssh://me@old:22/run/podman/podman.sock'
      identity = "/keys/a\u0062"
    [engine.service_destinations."with.dot"]
      uri = "unix:///dot.sock"
[network]
`
	recent, old := ".config/containers/podman-connections.json", ".config/containers/containers.conf"
	tests := []struct {
		name  string
		env   map[string]string
		files map[string]string
		want  []string // for each host: url, key, "machine"
		err   []string
	}{
		{name: "nothing set", want: []string{"unix:///run/user/podman/podman.sock"}},
		{name: "host", env: map[string]string{"CONTAINER_HOST": "unix:///p.sock", "CONTAINER_CONNECTION": "tcp"}, want: []string{"unix:///p.sock"}},
		{
			name: "host by ssh", env: map[string]string{"CONTAINER_HOST": "ssh://me@h/p.sock", "CONTAINER_SSHKEY": "/k"},
			want: []string{"ssh://me@h/p.sock /k"},
		},
		{name: "host malformed", env: map[string]string{"CONTAINER_HOST": "what"}, err: []string{"CONTAINER_HOST", "not an address"}},
		{
			name: "connection", env: map[string]string{"CONTAINER_CONNECTION": "far"}, files: map[string]string{recent: connections},
			want: []string{"ssh://me@far:22/run/podman/podman.sock /keys/far"},
		},
		{
			name: "connection unknown", env: map[string]string{"CONTAINER_CONNECTION": "x"}, files: map[string]string{recent: connections},
			err: []string{`connection "x", from CONTAINER_CONNECTION`, "known: bad, far, tcp, vm"},
		},
		{name: "no connections", env: map[string]string{"CONTAINER_CONNECTION": "x"}, err: []string{"known: none"}},
		{
			name: "connection hostile", env: map[string]string{"CONTAINER_CONNECTION": "bad"}, files: map[string]string{recent: connections},
			err: []string{`connection "bad"`, "begins with a dash"},
		},
		{
			name: "default connection", files: map[string]string{recent: connections},
			want: []string{"ssh://core@127.0.0.1:53685/run/user/501/podman/podman.sock /keys/vm machine"},
		},
		{
			name: "a socket before the default connection", files: map[string]string{recent: connections, "run/podman/podman.sock": ""},
			env:  map[string]string{"XDG_RUNTIME_DIR": "~/run"},
			want: []string{"unix://~/run/podman/podman.sock", "ssh://core@127.0.0.1:53685/run/user/501/podman/podman.sock /keys/vm machine"},
		},
		{name: "containers.conf", files: map[string]string{old: conf}, want: []string{"ssh://me@old:22/run/podman/podman.sock /keys/ab"}},
		{
			name: "both files", files: map[string]string{old: conf, recent: `{"Connection":{"Connections":{"old":{"URI":"tcp://new:1"}}}}`},
			want: []string{"tcp://new:1"},
		},
		{
			name: "name with a dot", files: map[string]string{old: conf}, env: map[string]string{"CONTAINER_CONNECTION": "with.dot"},
			want: []string{"unix:///dot.sock"},
		},
		{
			name: "files elsewhere", env: map[string]string{"CONTAINERS_CONF": "~/c.conf", "PODMAN_CONNECTIONS_CONF": "~/c.json"},
			files: map[string]string{"c.conf": conf, "c.json": connections},
			want:  []string{"ssh://core@127.0.0.1:53685/run/user/501/podman/podman.sock /keys/vm machine"},
		},
		{
			name: "settings malformed", files: map[string]string{recent: "{", "run/podman/podman.sock": ""},
			env:  map[string]string{"XDG_RUNTIME_DIR": "~/run"},
			want: []string{"unix://~/run/podman/podman.sock"}, err: []string{"podman-connections.json", "unexpected end"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			home := testkit.NoEngines(t)
			testkit.WriteFiles(t, home, tt.files)
			for name, value := range tt.env {
				t.Setenv(name, strings.Replace(value, "~", home, 1))
			}
			hosts, err := podmanAddresses()
			testkit.WantError(t, err, tt.err...)
			var got []string
			for _, h := range hosts {
				text := strings.Replace(h.url, home, "~", 1)
				if h.ssh != nil && h.ssh.identity != "" {
					text += " " + h.ssh.identity
				}
				if h.ssh != nil && h.ssh.machine {
					text += " machine"
				}
				got = append(got, text)
			}
			if tt.name == "nothing set" {
				tt.want = []string{"unix://" + podmanSocketPaths()[0]}
			}
			if slices.Contains(got, "unix:///run/podman/podman.sock") && len(got) > len(tt.want) {
				got = slices.DeleteFunc(got, func(s string) bool { return s == "unix:///run/podman/podman.sock" }) // this machine's own
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("hosts %q\nwant  %q", got, tt.want)
			}
		})
	}
}

// TestPodmanTriesEach checks that podman's sockets are tried in turn, and that an error
// mentions each.
func TestPodmanTriesEach(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the order of sockets and connections is the one on Linux")
	}
	home := testkit.NoEngines(t)
	run := filepath.Join(home, "run")
	t.Setenv("XDG_RUNTIME_DIR", run)
	testkit.WriteFiles(t, home, map[string]string{
		"run/podman/podman.sock":                     "",
		".config/containers/podman-connections.json": `{"Connection":{"Default":"b","Connections":{"b":{"URI":"unix:///no/such.sock"}}}}`,
	})
	_, err := Podman(t.Context(), nil)
	testkit.WantError(t, err, "podman (unix://"+run+"/podman/podman.sock): ", "connection refused", "start podman's service",
		`podman (unix:///no/such.sock, connection "b"): `, "no such file")

	path := testkit.UnixServer(t, &testkit.Engine{API: "1.41"})
	testkit.WriteFiles(t, home, map[string]string{
		".config/containers/podman-connections.json": `{"Connection":{"Default":"b","Connections":{"b":{"URI":"unix://` + path + `"}}}}`,
	})
	e, err := Podman(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.Name() != "podman" {
		t.Errorf("got engine %s", e.Name())
	}
}
