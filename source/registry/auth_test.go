package registry

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/fakeregistry"
	"github.com/peelhq/peel/internal/testkit"
)

// writeAuth writes a credentials file with "user:password" for each key.
func writeAuth(t *testing.T, path string, keys map[string]string) {
	t.Helper()
	auths := map[string]any{}
	for key, secret := range keys {
		auths[key] = map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(secret))}
	}
	writeJSON(t, path, map[string]any{"auths": auths})
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	testkit.WriteFiles(t, filepath.Dir(path), map[string]string{filepath.Base(path): string(text)})
}

// needsToken requires a token. It gives "the-token" to "me:secret-password" at a path of its
// own.
func needsToken(reg *fakeregistry.Registry) fakeregistry.Fault {
	return func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path == "/token" {
			user, password, _ := r.BasicAuth()
			if user != "me" || password != "secret-password" {
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}`)
				return true
			}
			_, _ = io.WriteString(w, `{"token":"the-token"}`)
			return true
		}
		if r.Header.Get("Authorization") == "Bearer the-token" {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="s"`, reg.URL))
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`)
		return true
	}
}

// needsBasic accepts "me:secret-password" by basic authentication.
func needsBasic(w http.ResponseWriter, r *http.Request, _ int) bool {
	if user, password, _ := r.BasicAuth(); user == "me" && password == "secret-password" {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="here"`)
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

// helper puts a program into PATH that answers for one key and counts how often it runs.
func helper(t *testing.T, name, key, answer string, code int) (count func() int) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the helper is a shell script")
	}
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\necho x >>%s/count\nread key\n[ \"$key\" = '%s' ] || { echo 'credentials not found in native keychain'; exit 1; }\necho '%s'\nexit %d\n", dir, key, answer, code)
	path := filepath.Join(dir, "docker-credential-"+name)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return func() int {
		b, _ := os.ReadFile(filepath.Join(dir, "count"))
		return strings.Count(string(b), "x")
	}
}

// TestCredentials checks that credentials are found wherever Docker and podman store them, that
// all files are searched, and that peel goes on after credentials are rejected.
func TestCredentials(t *testing.T) {
	const good, bad = "me:secret-password", "me:wrong-password"
	type place struct{ home, runtime, host string }
	podman := func(p place) string { return filepath.Join(p.runtime, "containers", "auth.json") }
	for _, c := range []struct {
		name  string
		write func(t *testing.T, p place)
		texts []string // in the error; none if it works
		skip  bool
	}{
		{name: "Docker's config", write: func(t *testing.T, p place) {
			writeAuth(t, filepath.Join(p.home, ".docker", "config.json"), map[string]string{p.host: good})
		}},
		{name: "with a scheme and a path", write: func(t *testing.T, p place) {
			writeAuth(t, filepath.Join(p.home, ".docker", "config.json"), map[string]string{"https://" + p.host + "/v2/": good})
		}},
		{name: "DOCKER_CONFIG", write: func(t *testing.T, p place) {
			dir := t.TempDir()
			t.Setenv("DOCKER_CONFIG", dir)
			writeAuth(t, filepath.Join(dir, "config.json"), map[string]string{p.host: good})
		}},
		{name: "podman's, though Docker's is there", write: func(t *testing.T, p place) {
			writeAuth(t, filepath.Join(p.home, ".docker", "config.json"), map[string]string{"elsewhere.example": bad})
			writeAuth(t, podman(p), map[string]string{p.host: good})
		}},
		{name: "podman's, though Docker's are wrong", write: func(t *testing.T, p place) {
			writeAuth(t, filepath.Join(p.home, ".docker", "config.json"), map[string]string{p.host: bad})
			writeAuth(t, podman(p), map[string]string{p.host: good})
		}},
		{name: "REGISTRY_AUTH_FILE", write: func(t *testing.T, p place) {
			file := filepath.Join(t.TempDir(), "a.json")
			t.Setenv("REGISTRY_AUTH_FILE", file)
			writeAuth(t, file, map[string]string{p.host: good})
		}},
		{name: "the user's own of containers", write: func(t *testing.T, p place) {
			writeAuth(t, filepath.Join(p.home, ".config", "containers", "auth.json"), map[string]string{p.host: good})
		}},
		{name: "of the repository, not of the host", write: func(t *testing.T, p place) {
			writeAuth(t, podman(p), map[string]string{p.host: bad, p.host + "/me/app": good, p.host + "/me": bad})
		}},
		{name: "of a part of the path", write: func(t *testing.T, p place) {
			writeAuth(t, podman(p), map[string]string{p.host: bad, p.host + "/other": bad, p.host + "/me": good})
		}},
		{name: "a helper of the host", write: func(t *testing.T, p place) {
			helper(t, "ours", p.host, `{"ServerURL":"x","Username":"me","Secret":"secret-password"}`, 0)
			writeJSON(t, filepath.Join(p.home, ".docker", "config.json"), map[string]any{"credHelpers": map[string]string{p.host: "ours"}})
		}},
		{name: "a store", write: func(t *testing.T, p place) {
			helper(t, "store", p.host, `{"Username":"me","Secret":"secret-password"}`, 0)
			writeJSON(t, filepath.Join(p.home, ".docker", "config.json"), map[string]any{"credsStore": "store"})
		}},
		{name: "a store without them, then podman's", write: func(t *testing.T, p place) {
			helper(t, "store", "elsewhere", `{}`, 0)
			writeJSON(t, filepath.Join(p.home, ".docker", "config.json"), map[string]any{"credsStore": "store"})
			writeAuth(t, podman(p), map[string]string{p.host: good})
		}},
		{name: "a helper that is not installed, then podman's", write: func(t *testing.T, p place) {
			writeJSON(t, filepath.Join(p.home, ".docker", "config.json"), map[string]any{"credsStore": "not-installed"})
			writeAuth(t, podman(p), map[string]string{p.host: good})
		}},
		{name: "a file that is broken, then podman's", write: func(t *testing.T, p place) {
			testkit.WriteFiles(t, p.home, map[string]string{".docker/config.json": "{"})
			writeAuth(t, podman(p), map[string]string{p.host: good})
		}},
		{name: "none at all", write: func(*testing.T, place) {}, texts: []string{"needs credentials", "none of the files that can hold them exists", "docker login"}},
		{name: "none for this host", write: func(t *testing.T, p place) {
			writeAuth(t, podman(p), map[string]string{"elsewhere.example": good})
		}, texts: []string{"no credentials in ", "auth.json under ", "/me/app, ", "docker login"}},
		{name: "wrong ones", write: func(t *testing.T, p place) {
			writeAuth(t, filepath.Join(p.home, ".docker", "config.json"), map[string]string{p.host: bad})
		}, texts: []string{"does not accept the credentials of ", "config.json (key 127.0.0.1:", "log in again"}},
		{name: "wrong ones of a helper", write: func(t *testing.T, p place) {
			helper(t, "ours", p.host, `{"Username":"me","Secret":"wrong-password"}`, 0)
			writeJSON(t, filepath.Join(p.home, ".docker", "config.json"), map[string]any{"credHelpers": map[string]string{p.host: "ours"}})
		}, texts: []string{"docker-credential-ours, which "}},
	} {
		for kind, fault := range map[string]func(*fakeregistry.Registry) fakeregistry.Fault{
			"token": needsToken,
			"basic": func(*fakeregistry.Registry) fakeregistry.Fault { return needsBasic },
		} {
			t.Run(c.name+"/"+kind, func(t *testing.T) {
				home, _ := alone(t)
				p := push(t, fakeregistry.New(t), 1000)
				p.Break(fault(p.Registry))
				run := t.TempDir()
				t.Setenv("XDG_RUNTIME_DIR", run)
				c.write(t, place{home, run, p.Host()})
				var log strings.Builder
				cl := client(t, Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
				_, err := p.readBlob(t, cl)
				if c.texts == nil && err != nil {
					t.Error(err)
				}
				if c.texts != nil {
					says(t, err, ErrUnauthorized, c.texts...)
				}
				for _, secret := range []string{"secret-password", "wrong-password", "the-token", base64.StdEncoding.EncodeToString([]byte(good))} {
					if strings.Contains(log.String(), secret) || err != nil && strings.Contains(err.Error(), secret) {
						t.Errorf("%q is shown:\n%v\n%s", secret, err, log.String())
					}
				}
			})
		}
	}
}

// TestHelperIsAskedOnce checks that a helper runs once for each key, for any number of
// requests.
func TestHelperIsAskedOnce(t *testing.T) {
	home, _ := alone(t)
	p := push(t, fakeregistry.New(t), 1000)
	p.Break(needsToken(p.Registry))
	count := helper(t, "ours", p.Host(), `{"Username":"me","Secret":"secret-password"}`, 0)
	writeJSON(t, filepath.Join(home, ".docker", "config.json"), map[string]any{"credHelpers": map[string]string{p.Host(): "ours"}})
	c := client(t, Options{})
	for range 3 {
		if _, err := p.readBlob(t, c); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestHelperMisbehaves checks that a helper with an odd name, or with output that is too long
// or isn't JSON, gives no credentials, and that its output isn't repeated.
func TestHelperMisbehaves(t *testing.T) {
	alone(t)
	for _, c := range []struct{ name, answer, says string }{
		{"text", "the-secret-itself", "not JSON"},
		{"much", strings.Repeat("x", 100_000), "it fails"},
	} {
		helper(t, c.name, "k", c.answer, 0)
		_, err := runHelper(t.Context(), c.name, "k")
		testkit.WantError(t, err, c.says)
		if strings.Contains(err.Error(), "the-secret") {
			t.Errorf("%s: the error repeats its output: %v", c.name, err)
		}
	}
	for _, name := range []string{"", "../x", "a b", "-x", "a/b"} {
		_, err := runHelper(t.Context(), name, "k")
		testkit.WantError(t, err, "not the name of a program")
	}
}

// TestTokenEnds checks that a token that expires is renewed, before a blob or where the blob
// was interrupted.
func TestTokenEnds(t *testing.T) {
	home, _ := alone(t)
	p := push(t, fakeregistry.New(t), 1000)
	writeAuth(t, filepath.Join(home, ".docker", "config.json"), map[string]string{p.Host(): "me:secret-password"})
	for _, c := range []struct {
		name      string
		challenge bool
		cut       int // the blob is first interrupted after this many bytes; 0 for never
	}{{"with a challenge", true, 0}, {"without one", false, 0}, {"in the middle of the blob", true, 400}, {"in the middle, without one", false, 999}} {
		t.Run(c.name, func(t *testing.T) {
			p.Forget()
			ended := false
			p.Break(p.onBlob(func(w http.ResponseWriter, r *http.Request, n int) bool {
				if n == 1 && c.cut > 0 {
					return cut(p.Registry, w, r, c.cut)
				}
				if ended {
					return false
				}
				ended = true
				if c.challenge {
					w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="s",scope="repository:me/app:pull"`, p.URL))
				}
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}), needsToken(p.Registry))
			if got, err := p.readBlob(t, client(t, Options{})); err != nil || !bytes.Equal(got, p.bytes) {
				t.Errorf("%d bytes, error %v", len(got), err)
			}
			asked := p.Asked()
			tokens := slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return !strings.Contains(s, "/token") })
			if len(tokens) != 2 {
				t.Errorf("got %d requests for tokens, want 2", len(tokens))
			}
			if last := asked[len(asked)-1]; c.cut > 0 && !strings.HasSuffix(last, fmt.Sprintf(" bytes=%d-999", c.cut)) {
				t.Errorf("got last request %s, want one for the rest", last)
			}
		})
	}
}

// TestTokenAnswers checks servers that don't answer with a token: a proxy that requires a
// login, a failing server, one whose answer never ends. The error must say so, and come
// quickly.
func TestTokenAnswers(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><form>password</form></html>")
	}))
	defer elsewhere.Close()
	write := func(kind, text string, status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		kind   error // nil for any
		texts  []string
	}{
		{"a login page", write("text/html", "<html><form>password</form></html>", 200), ErrPage, []string{"a proxy may require a login", "HTTPS_PROXY"}},
		{"a login page elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/login?state=hidden", http.StatusFound)
		}, ErrPage, []string{"a proxy may require a login"}},
		{"no token in it", write("application/json", `{"expires_in":300}`, 200), ErrPage, []string{"does not answer like a registry"}},
		{"not JSON", write("application/json", `the-token`, 200), ErrPage, []string{"does not answer like a registry"}},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			_, err := io.WriteString(w, `{"token":"`)
			for text := bytes.Repeat([]byte("x"), 1<<16); err == nil; {
				_, err = w.Write(text)
			}
		}, ErrPage, []string{"does not answer like a registry"}},
		{"ill", write("text/plain", "", 503), nil, []string{"503 Service Unavailable", "try again later"}},
		{"too many requests", write("application/json", `{"errors":[{"code":"TOOMANYREQUESTS","message":"slowly"}]}`, 429), ErrRateLimited, []string{"asks for fewer requests", "slowly"}},
		{"denied", write("application/json", `{"errors":[{"code":"DENIED","message":"no"}]}`, 403), ErrUnauthorized, []string{"does not accept the credentials of"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			home, _ := alone(t)
			p := push(t, fakeregistry.New(t), 1000)
			writeAuth(t, filepath.Join(home, ".docker", "config.json"), map[string]string{p.Host(): "me:secret-password"})
			wants := needsToken(p.Registry)
			p.Break(func(w http.ResponseWriter, r *http.Request, n int) bool {
				if r.URL.Path == "/token" {
					c.answer(w, r)
					return true
				}
				return wants(w, r, n)
			})
			_, err := p.readBlob(t, client(t, Options{}))
			if c.kind != nil {
				says(t, err, c.kind)
			}
			testkit.WantError(t, err, append(c.texts, p.Host()+"/me/app")...)
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "xxxx") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// TestRetryAfter checks that Retry-After can be a number of seconds or a date.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		header string
		want   time.Duration
	}{
		{"", 0}, {"7", 7 * time.Second}, {" 7 ", 7 * time.Second}, {"-7", 0}, {"0", 0}, {"7.5", 0}, {"soon", 0},
		{"9223372036854775807", 365 * 24 * time.Hour}, {"9223372036854775808", 0},
		{"Fri, 02 Jan 2026 03:05:05 GMT", time.Minute}, {"Fri, 02 Jan 2026 03:04:00 GMT", 0}, {"Friday, 02-Jan-26 03:05:05 GMT", time.Minute},
	} {
		r := &http.Response{Header: http.Header{"Retry-After": {c.header}}}
		if got := retryAfter(r, now); got != c.want {
			t.Errorf("%q: %v, want %v", c.header, got, c.want)
		}
	}
}

// TestTokenServerElsewhere checks that a registry in a private network may use another host of
// that network for tokens.
func TestTokenServerElsewhere(t *testing.T) {
	home, _ := alone(t)
	p := push(t, fakeregistry.New(t), 1000)
	writeAuth(t, filepath.Join(home, ".docker", "config.json"), map[string]string{p.Host(): "me:secret-password"})
	var asked []string
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("scope"))
		if user, password, _ := r.BasicAuth(); user != "me" || password != "secret-password" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"the-token"}`)
	}))
	defer tokens.Close()
	wants := needsToken(p.Registry)
	p.Break(func(w http.ResponseWriter, r *http.Request, n int) bool {
		rec := httptest.NewRecorder()
		if !wants(rec, r, n) {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/auth",service="s"`, tokens.URL))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	if _, err := p.readBlob(t, client(t, Options{})); err != nil {
		t.Error(err)
	}
	if !slices.Equal(asked, []string{"repository:me/app:pull"}) {
		t.Errorf("asked for %q", asked)
	}
}

func TestKeysOf(t *testing.T) {
	for _, c := range []struct{ host, repo, want string }{
		{"ghcr.io", "me/app", "ghcr.io/me/app ghcr.io/me ghcr.io"},
		{"localhost:5000", "app", "localhost:5000/app localhost:5000"},
		{"index.docker.io", "library/app", "docker.io/library/app index.docker.io/library/app registry-1.docker.io/library/app docker.io/library index.docker.io/library registry-1.docker.io/library docker.io index.docker.io registry-1.docker.io"},
	} {
		if got := strings.Join(keysOf(c.host, c.repo), " "); got != c.want {
			t.Errorf("%s/%s: %s\nwant %s", c.host, c.repo, got, c.want)
		}
	}
}

// TestHubCredentials checks that Docker Hub's credentials are found under several names, and
// that every file is searched.
func TestHubCredentials(t *testing.T) {
	home, _ := alone(t)
	run := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", run)
	docker, podman := filepath.Join(home, ".docker", "config.json"), filepath.Join(run, "containers", "auth.json")
	for _, c := range []struct {
		name           string
		docker, podman map[string]string
		want           string // users in the order in which peel tries them
	}{
		{"as docker login writes it", map[string]string{"https://index.docker.io/v1/": "a:x"}, nil, "a"},
		{"as podman login writes it", nil, map[string]string{"docker.io": "b:x"}, "b"},
		{"both", map[string]string{"https://index.docker.io/v1/": "a:x"}, map[string]string{"docker.io": "b:x"}, "a b"},
		{"the same twice", map[string]string{"https://index.docker.io/v1/": "a:x"}, map[string]string{"docker.io": "a:x"}, "a"},
		{"of the repository", nil, map[string]string{"docker.io": "b:x", "docker.io/me": "c:x", "docker.io/me/app": "d:x", "docker.io/me/ap": "e:x"}, "d"},
		{"the API's host", map[string]string{"registry-1.docker.io": "f:x"}, nil, "f"},
		{"another's", map[string]string{"ghcr.io": "g:x"}, map[string]string{"quay.io": "h:x"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			writeAuth(t, docker, c.docker)
			writeAuth(t, podman, c.podman)
			found, troubles := new(keychain).find(t.Context(), "index.docker.io", "me/app")
			var users []string
			for _, f := range found {
				users = append(users, f.Username)
			}
			if got := strings.Join(users, " "); got != c.want || len(troubles) > 0 {
				t.Errorf("%q, troubles %q, want %q", got, troubles, c.want)
			}
		})
	}
}

func FuzzAuth(f *testing.F) {
	f.Add([]byte(`{"auths":{"ghcr.io":{"auth":"bWU6c2VjcmV0"}},"credHelpers":{"a":"b"},"credsStore":"c"}`))
	f.Add([]byte(`{"auths":{"https://index.docker.io/v1/":{"identitytoken":"x"}}}`))
	f.Add([]byte(`{"auths":[]}`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		a, err := parseAuth(text)
		if err != nil {
			return
		}
		file := authFile{authJSON: a}
		for _, key := range keysOf("ghcr.io", "me/app") {
			if e, _, ok := file.entry(key); ok {
				e.config()
			}
		}
	})
}

func FuzzHelperAnswer(f *testing.F) {
	f.Add([]byte(`{"Username":"me","Secret":"x"}`))
	f.Add([]byte(`{"Username":"<token>","Secret":"x"}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if _, err := parseHelper(answer); err != nil && len(answer) > 20 && strings.Contains(err.Error(), string(answer)) {
			t.Errorf("the error repeats the output: %v", err)
		}
	})
}
