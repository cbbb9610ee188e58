package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/peelhq/peel/internal/crash"
	"github.com/peelhq/peel/internal/testkit"
)

// secret must not appear in any output of the program.
const secret = "s3cr3t-M4rk"

// tellsNoSecret runs the program and searches all its output for the secret.
func tellsNoSecret(t *testing.T, args ...string) {
	t.Helper()
	r := peel(args...)
	if all := r.out + r.err; strings.Contains(all, secret) {
		t.Errorf("output of peel %q contains a secret:\n%s", args, all)
	}
	if r.code == exitFine && !slices.Contains(args, "--base") { // the base is reported as missing
		t.Errorf("peel %q succeeded, so it proves nothing", args)
	}
}

// TestNoSecretsOfArguments checks references on the command line that hold a password.
func TestNoSecretsOfArguments(t *testing.T) {
	noEngines(t)
	inFolder(t, "docker-25", story)
	for _, name := range testkit.Sample([]string{
		"https://user:" + secret + "@host/x", "https://" + secret + "@host/x", "ssh://me:" + secret + "@host", "user:" + secret + "@host/x",
		"docker://user:" + secret + "@host/x", "docker://https://user:" + secret + "@host/x", "podman://user:" + secret + "@host/x",
		"oci:https://user:" + secret + "@host/x", "docker-archive:https://user:" + secret + "@host/x:1",
		"https://user:a/" + secret + "@host/x", "https://user:a b" + secret + "@host/x", `https://user:a"` + secret + "@host/x",
		"https://host/x?X-Amz-Signature=" + secret, "https://host/x.tar?sig=" + secret, "https://user:" + secret + "\x1b@host",
	}) {
		for _, args := range [][]string{
			{name}, {"report", name}, {"report", name, "-v"}, {"report", name, "--via", "api"}, {"ls", name, "/"}, {"log", name, "/x"}, {"cat", name, "/x"},
			{"extract", name, "/x", "-o", "out"}, {"check", name}, {"check", "app.tar", "--baseline", name}, {"diff", "app.tar", name},
			{"diff", "app.tar", "app.tar", name}, {"check", "app.tar", "--config", name}, {"check", "app.tar", "--dockerfile", name},
			{"report", "app.tar", "--base", name}, {"check", "app.tar", "--base", name}, {"report", "app.tar", "--platform", name}, {"report", "app.tar", "--via", name},
			{"report", "app.tar", "-f", name}, {"report", "app.tar", "-o", name + "/x/y"}, {"extract", "app.tar", "/", "-o", name + "\x00"},
			{"check", "app.tar", "--max-size", name}, {"ls", "app.tar", name}, {"cat", "app.tar", name}, {"log", "app.tar", name},
			{"reprot", name}, {name, name}, {"cache", name}, {"images", name}, {"config", name}, {"--" + name},
		} {
			tellsNoSecret(t, args...)
		}
	}
}

// TestNoSecretsOfSettings checks the environment and settings files.
func TestNoSecretsOfSettings(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"message":"Get \"https://user:%s@host/v2/?token=%s\": no; Authorization: Bearer %s"}`, secret, secret, secret)
	}))
	defer server.Close()
	type env map[string]string
	for _, c := range testkit.Sample([]struct {
		name  string
		env   env
		files map[string]string // below the home directory
	}{
		{"DOCKER_HOST with a password", env{"DOCKER_HOST": "tcp://user:" + secret + "@127.0.0.1:1"}, nil},
		{"DOCKER_HOST with a user", env{"DOCKER_HOST": "tcp://" + secret + "@127.0.0.1:1"}, nil},
		{"DOCKER_HOST without a scheme", env{"DOCKER_HOST": "user:" + secret + "@127.0.0.1:1"}, nil},
		{"DOCKER_HOST with a password of pieces", env{"DOCKER_HOST": "tcp://user:" + secret + "/x@127.0.0.1:1"}, nil},
		{"DOCKER_HOST over ssh", env{"DOCKER_HOST": "ssh://user:" + secret + "@127.0.0.1:1"}, nil},
		{"DOCKER_HOST with a query", env{"DOCKER_HOST": "tcp://127.0.0.1:1?token=" + secret}, nil},
		{"DOCKER_HOST that is nothing", env{"DOCKER_HOST": "https://user:" + secret + "%zz@127.0.0.1"}, nil},
		{"CONTAINER_HOST with a password", env{"CONTAINER_HOST": "tcp://user:" + secret + "@127.0.0.1:1"}, nil},
		{"CONTAINER_HOST without a scheme", env{"CONTAINER_HOST": "user:" + secret + "@127.0.0.1:1"}, nil},
		{"CONTAINER_HOST over ssh", env{"CONTAINER_HOST": "ssh://user:" + secret + "@127.0.0.1:1/sock"}, nil},
		{"an engine that answers with one", env{"DOCKER_HOST": strings.Replace(server.URL, "http", "tcp", 1)}, nil},
		{"podman, that answers with one", env{"CONTAINER_HOST": strings.Replace(server.URL, "http", "tcp", 1)}, nil},
		{"a context", env{"DOCKER_CONTEXT": "a"}, map[string]string{contextFile("a"): `{"Name":"a","Endpoints":{"docker":{"Host":"tcp://user:` + secret + `@127.0.0.1:1"}}}`}},
		{"a context that is cut", env{"DOCKER_CONTEXT": "a"}, map[string]string{contextFile("a"): `{"Name":"a","Endpoints":{"docker":{"Host":"` + secret}},
		{"a context of another type", env{"DOCKER_CONTEXT": "a"}, map[string]string{contextFile("a"): `{"Name":"a","Endpoints":{"docker":{"Host":["` + secret + `"]}}}`}},
		{"a config.json that is cut", nil, map[string]string{".docker/config.json": `{"auths":{"host":{"auth":"` + secret}},
		{"a config.json of another type", nil, map[string]string{".docker/config.json": `{"currentContext":{"auth":"` + secret + `"}}`}},
		{"containers.conf", nil, map[string]string{".config/containers/containers.conf": "[engine]\nactive_service = \"" + secret}},
		{"a connection", nil, map[string]string{".config/containers/podman-connections.json": `{"Connection":{"Default":"a","Connections":{"a":{"URI":"ssh://me:` + secret + `@h"}}}}`}},
		{"a .peel.yaml", nil, map[string]string{".peel.yaml": "rules:\n  max-size: https://user:" + secret + "@host\n"}},
	}) {
		t.Run(c.name, func(t *testing.T) {
			home := testkit.NoEngines(t)
			t.Chdir(home)
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			testkit.WriteFiles(t, home, c.files)
			for _, args := range [][]string{{"report", "no-such-image:1", "-v"}, {"report", "docker://no-such-image:1", "-v"}, {"report", "podman://no-such-image:1", "-v"}, {"check", "no-such-image:1"}} {
				tellsNoSecret(t, args...)
			}
			if r := peel("images", "-v"); strings.Contains(r.out+r.err, secret) {
				t.Errorf("output of peel images contains a secret:\n%s%s", r.out, r.err)
			}
		})
	}
}

// TestNoSecretsOfProxies runs the program as a process, since Go reads the proxy variables once
// per process, and uses no proxy for addresses of this machine. The engine's address is one
// that needs the proxy. No packet leaves the machine.
func TestNoSecretsOfProxies(t *testing.T) {
	home := testkit.NoEngines(t)
	t.Chdir(home)
	for name, proxy := range map[string]string{
		"that refuses":         "http://user:" + secret + "@127.0.0.1:1",
		"of an unknown scheme": "gopher9://user:" + secret + "@127.0.0.1:1",
	} {
		c := program(t, "report", "docker://no-such-image:1", "-v")
		c.Env = append(c.Env, "DOCKER_HOST=tcp://203.0.113.9:1", "HTTP_PROXY="+proxy, "http_proxy="+proxy)
		out, err := c.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "127.0.0.1:1: connect: connection refused") {
			t.Errorf("a proxy %s wasn't asked: %v\n%s", name, err, out)
		}
		if strings.Contains(string(out), secret) {
			t.Errorf("with a proxy %s, output contains a secret:\n%s", name, out)
		}
	}
}

// contextFile returns the path where Docker stores a context with this name.
func contextFile(name string) string {
	sums := map[string]string{"a": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}
	return ".docker/contexts/meta/" + sums[name] + "/meta.json"
}

// TestNoSecretsOfDefectsAndLogs checks defects, errors and log lines.
func TestNoSecretsOfDefectsAndLogs(t *testing.T) {
	address := "https://user:" + secret + "@host/x?token=" + secret
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	plain := errors.New("Get " + address + ": gone")
	for name, err := range map[string]error{
		"an error":                plain,
		"several":                 errors.Join(plain, fmt.Errorf("again: %w", plain)),
		"one with advice":         failed("peel "+address, "%w", plain),
		"a defect":                crash.Do(func() error { panic(address) }),
		"a defect with an error":  crash.Do(func() error { panic(plain) }),
		"a defect with a pointer": crash.Do(func() error { panic(u) }),
		"a request that failed":   &url.Error{Op: "Get", URL: address, Err: errors.New("gone")},
	} {
		var said bytes.Buffer
		a := &app{stderr: &said, last: &sync.Once{}, tty: &restorer{}}
		if code := a.exit(context.Background(), err); code != exitWork || said.Len() == 0 || strings.Contains(said.String(), secret) {
			t.Errorf("%s: exit code %d, %s", name, code, &said)
		}
	}
	var said bytes.Buffer
	log := (&app{stderr: &said, verbose: true}).logger()
	for _, value := range []any{address, plain, u, []string{address}, map[string]string{"a": address}, struct{ A string }{address}, fmt.Stringer(u)} {
		log.Debug("asked", "url", value)
		log.With("with", value).WithGroup("in").Debug("asked", "url", value)
	}
	if strings.Count(said.String(), "host/x") < 14 || strings.Contains(said.String(), secret) {
		t.Errorf("the log contains a secret:\n%s", &said)
	}
}
