package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// An Engine is a made-up engine: a server for the part of Docker's API that peel uses.
type Engine struct {
	API     string                    // API version that it claims
	Images  map[string]map[string]any // answers about images, by name
	Archive string                    // archive that it sends as an image
	NoSave  string                    // why it can't save the image; "" if it can
	History any                       // history of every image, newest step first
	Behind  string                    // sent after the archive
	Cut     bool                      // drop the connection after the archive
	Zeros   bool                      // send zeros without end after that
	Hang    chan struct{}             // if not nil, wait for this after the archive
	Mute    bool                      // don't answer a ping
	Info    map[string]any            // answer about the engine itself
	List    any                       // list of its images; nil makes the request fail

	mu       sync.Mutex
	requests []string
}

// AppID is the ID of the image that AppImage describes.
const AppID = "sha256:e436fb17357d75290a8e4b13cf3946c938702e6e42f38eca9772d5856717a62c"

// AppImage returns an engine's answer about an image app:1.
func AppImage(platform string) map[string]any {
	os, arch, _ := strings.Cut(platform, "/")
	return map[string]any{
		"Id": AppID, "RepoTags": []string{"app:1", "<none>:<none>", "app:latest"},
		"RootFS": map[string]any{"Type": "layers", "Layers": []string{"sha256:aa", "sha256:bb"}},
		"Size":   1234, "Os": os, "Architecture": arch,
	}
}

var apiVersion = regexp.MustCompile(`^/v([0-9.]+)/`)

func (f *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
	f.mu.Unlock()
	if r.URL.Path == "/_ping" {
		if f.Mute {
			<-r.Context().Done()
			return
		}
		if f.API != "" {
			w.Header().Set("Api-Version", f.API)
		}
		return
	}
	path := "/" + apiVersion.ReplaceAllString(r.URL.Path, "")
	switch name, isImage := strings.CutPrefix(path, "/images/"); {
	case path == "/info" && f.Info != nil:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(f.Info)
	case path == "/images/json":
		w.Header().Set("Content-Type", "application/json")
		if f.List == nil {
			w.WriteHeader(http.StatusInternalServerError)
			_ = json.NewEncoder(w).Encode(map[string]any{"message": "the disk \x1b[2J is full"})
			return
		}
		_ = json.NewEncoder(w).Encode(f.List)
	case path == "/images/get" && f.NoSave != "":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_ = json.NewEncoder(w).Encode(map[string]any{"message": f.NoSave})
	case isImage && strings.HasSuffix(name, "/history"):
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(f.History)
	case path == "/images/get":
		_, _ = w.Write([]byte(f.Archive))
		_, _ = w.Write([]byte(f.Behind))
		_ = http.NewResponseController(w).Flush()
		for zeros, err := make([]byte, 64<<10), error(nil); f.Zeros && err == nil; {
			_, err = w.Write(zeros)
		}
		if f.Hang != nil {
			select {
			case <-f.Hang:
			case <-r.Context().Done():
			}
		}
		if f.Cut {
			panic(http.ErrAbortHandler)
		}
	case isImage && strings.HasSuffix(name, "/json"):
		name = strings.TrimSuffix(name, "/json")
		found, ok := f.Images[name]
		w.Header().Set("Content-Type", "application/json")
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			_ = json.NewEncoder(w).Encode(map[string]string{"message": "No such image: " + name})
			return
		}
		if message, bad := found["fail"]; bad {
			w.WriteHeader(http.StatusInternalServerError)
			_ = json.NewEncoder(w).Encode(map[string]any{"message": message})
			return
		}
		_ = json.NewEncoder(w).Encode(found)
	default:
		http.NotFound(w, r)
	}
}

// Asked returns the requests so far, without the API version in their paths.
func (f *Engine) Asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.requests...)
}

// Serve sets up an environment in which this engine, behind a unix socket, is the only one.
// variable names it: DOCKER_HOST or CONTAINER_HOST.
func (f *Engine) Serve(t *testing.T, variable string) {
	t.Helper()
	NoEngines(t)
	t.Setenv(variable, "unix://"+UnixServer(t, f))
}

// UnixServer serves h on a unix socket and returns its path.
func UnixServer(t *testing.T, h http.Handler) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "peel") // sockets need short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "engine.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: h}}
	server.Start()
	t.Cleanup(server.Close)
	return path
}

// Unreachable holds environment variables that name engines at sockets that don't exist.
var Unreachable = map[string]string{"DOCKER_HOST": "unix:///no/such.sock", "CONTAINER_HOST": "unix:///no/such.sock", "CONTAINERD_ADDRESS": "/no/such.sock"}

// NoEngines sets up an environment that names no engine, and returns its home directory.
func NoEngines(t *testing.T) string {
	t.Helper()
	for _, name := range []string{
		"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION",
		"CONTAINER_HOST", "CONTAINER_CONNECTION", "CONTAINER_SSHKEY", "CONTAINERS_CONF", "PODMAN_CONNECTIONS_CONF", "CONTAINERD_ADDRESS", "CONTAINERD_NAMESPACE",
		"XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy",
	} {
		t.Setenv(name, "")
	}
	store := t.TempDir() // podman's store, which is empty
	WriteFiles(t, store, map[string]string{"storage.conf": "[storage]\ngraphroot = \"" + filepath.ToSlash(store) + "\"\n"})
	t.Setenv("CONTAINERS_STORAGE_CONF", filepath.Join(store, "storage.conf"))
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	return home
}

// WriteFiles writes files below dir. The keys are paths.
func WriteFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// KeyPair makes a self-signed certificate, for a client and for a server on 127.0.0.1, and its
// key, as PEM.
func KeyPair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "peel test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// WantError fails the test unless err contains every one of the texts. Without texts, err must
// be nil.
func WantError(t *testing.T, err error, texts ...string) {
	t.Helper()
	if len(texts) == 0 {
		if err != nil {
			t.Fatalf("got error %v, want none", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("got no error, want one with %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q\nlacks %q", err, text)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("error %q isn't clean", err)
	}
}

// PEM returns the PEM form of a certificate.
func PEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
