package registry

import (
	"encoding/base64"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/peelhq/peel/internal/fakeregistry"
	"github.com/peelhq/peel/internal/testkit"
)

// proxy is a proxy that leads every host to one server, and records the requests it gets.
type proxy struct {
	*httptest.Server
	to    string // "127.0.0.1:5000"
	login string // "user:password" that it requires; "" for none

	mu    sync.Mutex
	asked []string // "CONNECT example.com:443"
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	p := &proxy{to: to}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.Host)
	p.mu.Unlock()
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.login)); p.login != "" && r.Header.Get("Proxy-Authorization") != want {
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	if r.Method != http.MethodConnect {
		r.URL.Host = p.to
		r.RequestURI = ""
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		maps.Copy(w.Header(), resp.Header)
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
		return
	}
	there, err := net.Dial("tcp", p.to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	// The server must not read on: the bytes that follow belong to the tunnel.
	here, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if _, err := io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(there, buffered)
		_ = there.Close()
	}()
	_, _ = io.Copy(here, there)
	_ = here.Close()
}

// took returns the requests since the last call.
func (p *proxy) took() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := strings.Join(p.asked, ", ")
	p.asked = nil
	return asked
}

// TestProxies checks that registries are reached through the proxies that the environment
// names, even those that require a login, but not if NO_PROXY excludes the host.
func TestProxies(t *testing.T) {
	home, _ := alone(t)
	reg := push(t, fakeregistry.NewTLS(t), 1000)
	pem := testkit.PEM(reg.Certificate().Raw) // for example.com and others
	testkit.WriteFiles(t, home, map[string]string{
		".config/containers/certs.d/example.com/ca.crt":        pem,
		".config/containers/certs.d/" + reg.Host() + "/ca.crt": pem,
	})
	read := func(name string) error {
		found, err := client(t, Options{}).Resolve(t.Context(), name)
		if err == nil {
			_, err = io.Copy(io.Discard, found.Blob(t.Context(), reg.blob))
		}
		return err
	}
	p := newProxy(t, reg.Host())
	t.Setenv("HTTPS_PROXY", p.URL)
	if err := read("example.com/me/app:1"); err != nil {
		t.Error(err)
	}
	if asked := p.took(); !strings.HasPrefix(asked, "CONNECT example.com:443") {
		t.Errorf("got requests %q to the proxy", asked)
	}
	if err := read(reg.name()); err != nil { // a host on this machine
		t.Error(err)
	}
	t.Setenv("NO_PROXY", "near.invalid")
	if err := read("near.invalid/me/app:1"); err == nil {
		t.Error("near.invalid was reached without the proxy")
	}
	if asked := p.took(); asked != "" {
		t.Errorf("got requests %q to the proxy, though NO_PROXY is set", asked)
	}
	t.Setenv("NO_PROXY", "")

	p.login = "user:hidden"
	err := read("example.com/me/app:1")
	says(t, err, ErrUnauthorized, "example.com/me/app:1", "the proxy "+strings.TrimPrefix(p.URL, "http://")+" requires a login", "put the user and the password into HTTPS_PROXY")
	t.Setenv("HTTPS_PROXY", strings.Replace(p.URL, "http://", "http://user:hidden@", 1))
	if err := read("example.com/me/app:1"); err != nil {
		t.Error(err)
	}
	t.Setenv("HTTPS_PROXY", strings.Replace(p.URL, "http://", "http://user:wrong-hidden@", 1))
	err = read("example.com/me/app:1")
	says(t, err, ErrUnauthorized, "does not accept the user and the password of HTTPS_PROXY")
	if strings.Contains(err.Error(), "hidden") {
		t.Errorf("the error shows the proxy's password: %v", err)
	}
}

// TestPlainProxy checks that plain HTTP requests go through HTTP_PROXY.
func TestPlainProxy(t *testing.T) {
	alone(t)
	reg := push(t, fakeregistry.New(t), 1000)
	p := newProxy(t, reg.Host())
	t.Setenv("HTTP_PROXY", p.URL)
	t.Setenv("HTTPS_PROXY", "")
	found, err := client(t, Options{Insecure: []string{"registry.invalid"}}).Resolve(t.Context(), "registry.invalid/me/app:1")
	if err != nil || found.Digest != reg.manifest {
		t.Errorf("%v, error %v", found, err)
	}
	if asked := p.took(); !strings.Contains(asked, "HEAD registry.invalid") {
		t.Errorf("got requests %q to the proxy", asked)
	}
	p.login = "user:hidden"
	_, err = client(t, Options{Insecure: []string{"registry.invalid"}}).Resolve(t.Context(), "registry.invalid/me/app:1")
	says(t, err, ErrUnauthorized, "requires a login", "put the user and the password into HTTP_PROXY")
}
