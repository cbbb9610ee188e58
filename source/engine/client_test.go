package engine

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/testkit"
)

// connectFake returns a connection to f through a unix socket.
func connectFake(t *testing.T, f *testkit.Engine) Engine {
	t.Helper()
	f.Serve(t, "DOCKER_HOST")
	e, err := Docker(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// wanted parses a platform to ask for; nil for "".
func wanted(text string) *Wanted {
	if text == "" {
		return nil
	}
	os, arch, _ := strings.Cut(text, "/")
	want := Platform{OS: os, Architecture: arch}
	return &Wanted{Platform: want, Fits: func(has Platform) bool { return has == want }}
}

// saveImage saves the image that ref names.
func saveImage(ctx context.Context, e Engine, ref, platform string) (io.ReadCloser, error) {
	im, err := e.Image(ctx, ref, wanted(platform))
	if err != nil {
		return nil, err
	}
	return e.Save(ctx, ref, im, wanted(platform))
}

func TestEngineImage(t *testing.T) {
	foreign := map[string]any{"fail": "stop\x1b[2J\nnow"}
	tests := []struct {
		name     string
		api      string
		ref      string
		platform string
		images   map[string]map[string]any
		want     string // platform in the answer
		request  string // last request
		missing  bool   // error is ErrNotFound
		err      []string
	}{
		{name: "by name", api: "1.41", ref: "app:1", images: map[string]map[string]any{"app:1": testkit.AppImage("linux/amd64")}, want: "linux/amd64", request: "GET /v1.41/images/app:1/json"},
		{name: "newer engine", api: "1.99", ref: "app:1", images: map[string]map[string]any{"app:1": testkit.AppImage("linux/amd64")}, want: "linux/amd64", request: "GET /v1.51/images/app:1/json"},
		{name: "engine without a version", ref: "app:1", images: map[string]map[string]any{"app:1": testkit.AppImage("linux/amd64")}, want: "linux/amd64", request: "GET /v1.24/images/app:1/json"},
		{name: "platform that fits", api: "1.41", ref: "app:1", platform: "linux/amd64", images: map[string]map[string]any{"app:1": testkit.AppImage("linux/amd64")}, want: "linux/amd64", request: "GET /v1.41/images/app:1/json"},
		{name: "platform that the engine chooses", api: "1.49", ref: "app:1", platform: "linux/arm64", images: map[string]map[string]any{"app:1": testkit.AppImage("linux/arm64")}, want: "linux/arm64", request: "GET /v1.49/images/app:1/json?platform=%7B%22architecture%22%3A%22arm64%22%2C%22os%22%3A%22linux%22%7D"},
		{name: "platform that an engine can only save", api: "1.48", ref: "app:1", platform: "linux/arm64", images: map[string]map[string]any{"app:1": testkit.AppImage("linux/amd64")}, want: "linux/arm64", request: "GET /v1.48/images/app:1/json"},
		{name: "other platform", api: "1.41", ref: "app:1", platform: "linux/arm64", images: map[string]map[string]any{"app:1": testkit.AppImage("linux/amd64")}, missing: true, err: []string{"app:1: the engine has it for linux/amd64, not for linux/arm64"}},
		{name: "not there", api: "1.41", ref: "app:2", missing: true, err: []string{"docker (unix://", ", DOCKER_HOST): app:2: no such image"}},
		{name: "bare name not there", api: "1.41", ref: "app", missing: true, err: []string{": app: taken as app:latest: no such image"}},
		{name: "malformed name", api: "1.41", ref: "../../containers/x", missing: true, err: []string{"invalid reference format"}},
		{name: "name with a query", api: "1.41", ref: "app?x=y", missing: true, err: []string{"invalid reference format"}},
		{name: "hostile name", api: "1.41", ref: "\x1b[2J", missing: true, err: []string{`\x1b[2J: invalid reference format`}},
		{name: "engine fails", api: "1.41", ref: "app:1", images: map[string]map[string]any{"app:1": foreign}, err: []string{"app:1: Error response from daemon: stop\\x1b[2J now"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &testkit.Engine{API: tt.api, Images: tt.images}
			im, err := connectFake(t, f).Image(t.Context(), tt.ref, wanted(tt.platform))
			testkit.WantError(t, err, tt.err...)
			if errors.Is(err, ErrNotFound) != tt.missing {
				t.Errorf("%v is ErrNotFound: got %v, want %v", err, !tt.missing, tt.missing)
			}
			if err != nil {
				return
			}
			if im.ID != testkit.AppID || im.Platform.String() != tt.want || strings.Join(im.Tags, " ") != "app:1 app:latest" {
				t.Errorf("%+v", im)
			}
			asked := f.Asked()
			if last := asked[len(asked)-1]; last != tt.request {
				t.Errorf("asked %q, want %q", last, tt.request)
			}
		})
	}
}

func TestEngineSave(t *testing.T) {
	tests := []struct {
		name     string
		api      string
		ref      string
		platform string
		query    string
	}{
		{name: "name and tag", ref: "app:1", query: "names=app%3A1"},
		{name: "bare name is its latest alone", ref: "app", query: "names=app%3Alatest"},
		{name: "first digits of an ID", ref: "e436", query: "names=sha256%3A" + testkit.AppID[7:]},
		{name: "ID", ref: testkit.AppID, query: "names=sha256%3A" + testkit.AppID[7:]},
		{name: "platform", api: "1.48", ref: "app:1", platform: "linux/amd64", query: "names=app%3A1&platform=%7B%22architecture%22%3A%22amd64%22%2C%22os%22%3A%22linux%22%7D"},
		{name: "platform of an old engine", ref: "app:1", platform: "linux/amd64", query: "names=app%3A1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &testkit.Engine{API: "1.41", Images: map[string]map[string]any{tt.ref: testkit.AppImage("linux/amd64")}, Archive: strings.Repeat("layer", 10000)}
			if tt.api != "" {
				f.API = tt.api
			}
			r, err := saveImage(t.Context(), connectFake(t, f), tt.ref, tt.platform)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			got, err := io.ReadAll(r)
			if err != nil || string(got) != f.Archive {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
			asked := f.Asked()
			if last := asked[len(asked)-1]; last != "GET /v"+f.API+"/images/get?"+tt.query {
				t.Errorf("asked %q, want %q", last, tt.query)
			}
		})
	}
}

// TestSaveName saves images of podman, which lists them by full names but also accepts short
// ones.
func TestSaveName(t *testing.T) {
	tests := []struct{ ref, tags, want string }{
		{"app", "localhost/app:latest", "localhost/app:latest"},
		{"debian", "docker.io/library/debian:latest docker.io/library/debian:12", "docker.io/library/debian:latest"},
		{"me/app", "quay.io/me/app:latest", "quay.io/me/app:latest"},
		{"app", "myapp:latest other/myapp:latest", testkit.AppID},
		{"e436fb", "", testkit.AppID},
		{"app:1", "localhost/app:1", "app:1"},
		{"app@" + testkit.AppID, "", "app@" + testkit.AppID},
	}
	for _, tt := range tests {
		t.Run(tt.ref+" of "+tt.tags, func(t *testing.T) {
			if got := (Image{ID: testkit.AppID, Tags: strings.Fields(tt.tags)}).saveName(tt.ref); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestEngineSaveBreaks(t *testing.T) {
	const archive = "the first half of an archive"
	long := strings.Repeat("x", 3*maxSaveTail+7)
	tests := []struct {
		name   string
		fake   testkit.Engine
		broken bool // error is io.ErrUnexpectedEOF
		err    []string
	}{
		{name: "the connection is cut", fake: testkit.Engine{Archive: archive, Cut: true}, broken: true, err: []string{"docker (unix://", "app:1: the connection broke after 28 bytes"}},
		{name: "cut at once", fake: testkit.Engine{Cut: true}, broken: true, err: []string{"after 0 bytes"}},
		{name: "the engine gives up", fake: testkit.Engine{Archive: archive, Behind: `{"errorDetail":{"message":"disk\u001b full"},"error":"disk\u001b full"}` + "\r\n"}, err: []string{"app:1: the engine gave up", `disk\x1b full`}},
		{name: "it gives up late", fake: testkit.Engine{Archive: long, Behind: `{"errorDetail":{"message":"no"},"error":"no"}`}, err: []string{"the engine gave up", ": no"}},
		{name: "text that looks like it", fake: testkit.Engine{Archive: `{"errorDetail":{"message":"no"},"error":"no"}` + "\x00\x00"}},
		{name: "half a message", fake: testkit.Engine{Archive: `{"errorDetail":{"mess`}},
	}
	for i := range tests {
		tt := &tests[i]
		t.Run(tt.name, func(t *testing.T) {
			tt.fake.API, tt.fake.Images = "1.41", map[string]map[string]any{"app:1": testkit.AppImage("linux/amd64")}
			r, err := saveImage(t.Context(), connectFake(t, &tt.fake), "app:1", "")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			_, err = io.ReadAll(r)
			testkit.WantError(t, err, tt.err...)
			if errors.Is(err, io.ErrUnexpectedEOF) != tt.broken {
				t.Errorf("%v is io.ErrUnexpectedEOF: got %v, want %v", err, !tt.broken, tt.broken)
			}
			if _, again := r.Read(make([]byte, 1)); err != nil && again.Error() != err.Error() {
				t.Errorf("the next read fails with %v", again)
			}
		})
	}
}

func TestEngineCancelled(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	f := &testkit.Engine{API: "1.41", Images: map[string]map[string]any{"app:1": testkit.AppImage("linux/amd64")}, Archive: "half", Hang: hang}
	e := connectFake(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := saveImage(ctx, e, "app:1", "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("a read fails with %v", err)
	}
	if _, err := e.Image(ctx, "app:1", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("image fails with %v", err)
	}
	t.Setenv("DOCKER_HOST", "unix://"+testkit.UnixServer(t, &testkit.Engine{Mute: true}))
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := Docker(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("connecting fails with %v", err)
	}
}

func TestEngineUnreachable(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("errors of unix sockets")
	}
	home := testkit.NoEngines(t)
	testkit.WriteFiles(t, home, map[string]string{"stale.sock": "", "closed/x": ""})
	closed := filepath.Join(home, "closed")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(closed, 0o700) })
	plain := httptest.NewServer(&testkit.Engine{API: "1.41"})
	defer plain.Close()
	secure := httptest.NewUnstartedServer(&testkit.Engine{API: "1.41"})
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	address := func(url string) string { return "tcp" + strings.TrimLeft(url, "htps") }
	tests := []struct {
		name string
		host string
		tls  string // DOCKER_TLS
		err  []string
	}{
		{name: "no socket", host: "unix:///no/such.sock", err: []string{"docker (unix:///no/such.sock, DOCKER_HOST): ", "no such file", "start Docker", "DOCKER_CONTEXT"}},
		{name: "nobody behind the socket", host: "unix://" + home + "/stale.sock", err: []string{"connection refused", "start Docker"}},
		{name: "path too long", host: "unix:///" + strings.Repeat("x", 200), err: []string{"too long"}},
		{name: "port closed", host: "tcp://127.0.0.1:1", err: []string{"connection refused"}},
		{name: "TLS wanted", host: address(secure.URL), err: []string{"HTTPS"}},
		{name: "TLS not wanted", host: address(plain.URL), tls: "1", err: []string{"HTTP response to HTTPS"}},
	}
	if os.Getuid() != 0 {
		tests = append(tests, tests[0])
		last := &tests[len(tests)-1]
		last.name, last.host, last.err = "closed directory", "unix://"+home+"/closed/x", []string{"permission denied", "a directory above the socket"}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("DOCKER_HOST", tt.host)
			t.Setenv("DOCKER_TLS", tt.tls)
			_, err := Docker(t.Context(), nil)
			testkit.WantError(t, err, tt.err...)
			if errors.Is(err, ErrNotFound) {
				t.Error("got ErrNotFound")
			}
		})
	}
}

func TestAdviceOnPermission(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("sockets have no modes on this system")
	}
	path := testkit.UnixServer(t, &testkit.Engine{})
	owner, group, ok := socketOwners(path)
	if !ok || owner == "" {
		t.Fatalf("owner %q, %v", owner, ok)
	}
	tests := []struct {
		name string
		kind string
		mode os.FileMode
		path string
		want string
	}{
		{name: "a group may", kind: "docker", mode: 0o660, path: path, want: "join it (sudo usermod -aG"},
		{name: "podman's group may", kind: "podman", mode: 0o660, path: path, want: "join it, or use sudo"},
		{name: "the owner alone may", kind: "podman", mode: 0o600, path: path, want: "only user " + owner + " may use"},
		{name: "out of sight", kind: "docker", mode: 0o600, path: path + ".no", want: "a directory above the socket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			got := advice(tt.kind, address{url: "unix://" + tt.path}, &fs.PathError{Op: "dial", Err: syscall.EACCES})
			if !strings.Contains(got, tt.want) {
				t.Errorf("%q lacks %q (group %q)", got, tt.want, group)
			}
		})
	}
}

func TestEngineTLS(t *testing.T) {
	cert, key := testkit.KeyPair(t)
	otherCert, _ := testkit.KeyPair(t)
	f := &testkit.Engine{API: "1.41", Images: map[string]map[string]any{"app:1": testkit.AppImage("linux/amd64")}, Archive: "layers"}
	server := httptest.NewUnstartedServer(f)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	host := "tcp://" + server.Listener.Addr().String()
	meta := `{"Name":"build","Endpoints":{"docker":{"Host":"` + host + `"}}}`
	tests := []struct {
		name  string
		env   map[string]string
		files map[string]string
		err   []string
	}{
		{
			name: "by the environment", env: map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1"},
			files: map[string]string{".docker/ca.pem": ca, ".docker/cert.pem": cert, ".docker/key.pem": key},
		},
		{
			name: "by a context", env: map[string]string{"DOCKER_CONTEXT": "build"},
			files: contextFiles("build", meta, map[string]string{"ca.pem": ca, "cert.pem": cert, "key.pem": key}),
		},
		{
			name: "another authority", env: map[string]string{"DOCKER_CONTEXT": "build"},
			files: contextFiles("build", meta, map[string]string{"ca.pem": otherCert, "cert.pem": cert, "key.pem": key}),
			err:   []string{`docker (` + host + `, context "build")`, "certificate", "check the certificates"},
		},
		{
			name: "no certificate of our own", env: map[string]string{"DOCKER_CONTEXT": "build"},
			files: contextFiles("build", meta, map[string]string{"ca.pem": ca}),
			err:   []string{"certificate"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			testkit.WriteFiles(t, testkit.NoEngines(t), tt.files)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			e, err := Docker(t.Context(), nil)
			testkit.WantError(t, err, tt.err...)
			if err != nil {
				return
			}
			defer e.Close()
			if _, err := e.Image(t.Context(), "app:1", nil); err != nil {
				t.Error(err)
			}
		})
	}
}
