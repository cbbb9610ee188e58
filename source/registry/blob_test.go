package registry

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/peelhq/peel/internal/fakeregistry"
	"github.com/peelhq/peel/internal/testkit"
)

// TestBlobFaults checks that for any fault on the way, the whole blob and nothing else is read,
// or an error says what happened.
func TestBlobFaults(t *testing.T) {
	const size = 100_000
	for _, c := range []struct {
		name  string
		fault func(p *pushed) fakeregistry.Fault
		kind  error    // nil if all bytes arrive
		texts []string // in the error
		most  int      // requests for the blob; 0 means one
	}{
		{name: "nothing", fault: func(*pushed) fakeregistry.Fault {
			return func(http.ResponseWriter, *http.Request, int) bool { return false }
		}},
		{name: "cut every time", most: 12, fault: func(p *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, _ int) bool { return cut(p.Registry, w, r, 10_000) }
		}},
		{name: "cut without a byte, always", kind: ErrBroken, most: 4, texts: []string{"breaks off after 0 of 100000 bytes"}, fault: func(p *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, _ int) bool { return cut(p.Registry, w, r, 0) }
		}},
		{name: "cut, then 200 to a range", most: 2, fault: func(p *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, n int) bool {
				if n == 1 {
					return cut(p.Registry, w, r, 40_000)
				}
				r.Header.Del("Range")
				return false
			}
		}},
		{name: "cut, and 200 to every range, cut too", most: 12, fault: func(p *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, n int) bool {
				r.Header.Del("Range")
				return n <= 9 && cut(p.Registry, w, r, 10_000*n)
			}
		}},
		{name: "cut, then another range", kind: ErrWrongBytes, most: 2, texts: []string{"answers with the bytes 7-"}, fault: func(p *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, n int) bool {
				if n == 1 {
					return cut(p.Registry, w, r, 40_000)
				}
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 7-%d/%d", size-1, size))
				w.WriteHeader(http.StatusPartialContent)
				_, _ = w.Write(p.bytes[7:])
				return true
			}
		}},
		{name: "cut, then a part of another size", kind: ErrWrongBytes, most: 2, texts: []string{"has 123 bytes, the manifest says 100000"}, fault: func(p *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, n int) bool {
				if n == 1 {
					return cut(p.Registry, w, r, 40)
				}
				w.Header().Set("Content-Range", "bytes 40-122/123")
				w.WriteHeader(http.StatusPartialContent)
				return true
			}
		}},
		{name: "cut, then a part without a name", kind: ErrWrongBytes, most: 2, texts: []string{"no Content-Range"}, fault: func(p *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, n int) bool {
				if n == 1 {
					return cut(p.Registry, w, r, 40_000)
				}
				w.WriteHeader(http.StatusPartialContent)
				return true
			}
		}},
		{name: "shorter, with a length", kind: ErrWrongBytes, texts: []string{"has 99999 bytes, the manifest says 100000"}, fault: func(p *pushed) fakeregistry.Fault {
			return answering(p.bytes[:size-1], "99999")
		}},
		{name: "shorter, without a length", kind: ErrWrongBytes, most: 2, texts: []string{"has fewer than the 100000 bytes"}, fault: func(p *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, n int) bool {
				if n == 1 {
					return answering(p.bytes[:size-1], "")(w, r, n)
				}
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return true
			}
		}},
		{name: "longer, with a length", kind: ErrWrongBytes, texts: []string{"has 100001 bytes"}, fault: func(p *pushed) fakeregistry.Fault {
			return answering(append(bytes.Clone(p.bytes), 'x'), "100001")
		}},
		{name: "endless", kind: ErrWrongBytes, texts: []string{"more than the 100000 bytes"}, fault: func(p *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				for {
					if _, err := w.Write(p.bytes); err != nil {
						return true
					}
				}
			}
		}},
		{name: "one wrong byte", kind: ErrWrongBytes, texts: []string{"wrong bytes: their digest is sha256:"}, fault: func(p *pushed) fakeregistry.Fault {
			wrong := bytes.Clone(p.bytes)
			wrong[size/2] ^= 1
			return answering(wrong, "100000")
		}},
		{name: "not there", kind: ErrNoBlob, texts: []string{"does not have this blob", "push the image again"}, fault: func(_ *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				w.WriteHeader(http.StatusNotFound)
				_, _ = io.WriteString(w, `{"errors":[{"code":"BLOB_UNKNOWN"}]}`)
				return true
			}
		}},
		{name: "a login page", kind: ErrPage, texts: []string{"a web page", "HTTPS_PROXY"}, fault: func(_ *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_, _ = io.WriteString(w, "<html>log in, please</html>")
				return true
			}
		}},
		{name: "silence after some bytes", most: 2, fault: func(p *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, n int) bool {
				if n > 1 {
					return false
				}
				w.Header().Set("Content-Length", fmt.Sprint(size))
				_, _ = w.Write(p.bytes[:500])
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				return true
			}
		}},
		{name: "silence, always", kind: ErrBroken, most: 2, texts: []string{"nothing came for 300ms"}, fault: func(_ *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, _ int) bool {
				w.Header().Set("Content-Length", fmt.Sprint(size))
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				return true
			}
		}},
		{name: "429 with seconds", most: 2, fault: func(*pushed) fakeregistry.Fault {
			return firstOnly(1, func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(http.StatusTooManyRequests)
			})
		}},
		{name: "429 for hours", kind: ErrRateLimited, texts: []string{"limit 100 in 6h0m0s", "left 0 in 6h0m0s", "try again in 2h0m0s, at "}, fault: func(*pushed) fakeregistry.Fault {
			return firstOnly(1000, func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", time.Now().Add(2*time.Hour+500*time.Millisecond).UTC().Format(http.TimeFormat))
				w.Header().Set("Ratelimit-Limit", "100;w=21600")
				w.Header().Set("Ratelimit-Remaining", "0;w=21600")
				w.WriteHeader(http.StatusTooManyRequests)
			})
		}},
		{name: "503 three times", most: 4, fault: func(*pushed) fakeregistry.Fault {
			return firstOnly(3, func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) })
		}},
		{name: "500 always", kind: nil, most: 4, texts: []string{"500 Internal Server Error", "try again later"}, fault: func(*pushed) fakeregistry.Fault {
			return firstOnly(1000, func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) })
		}},
		{name: "a coding that nobody has asked for is only a header", fault: func(p *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if r.Header.Get("Accept-Encoding") != "identity" {
					t.Errorf("got Accept-Encoding %q, want identity", r.Header.Get("Accept-Encoding"))
				}
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(p.bytes)
				return true
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "429 with seconds" {
				testkit.Long(t, "it waits for a second, as the registry asks")
			}
			if c.name == "silence after some bytes" {
				testkit.Long(t, "it waits, as the next case does")
			}
			alone(t)
			p := push(t, fakeregistry.New(t), size)
			p.Break(p.onBlob(c.fault(p)))
			got, err := p.readBlob(t, client(t, Options{}))
			if c.kind == nil && c.texts == nil {
				if err != nil || !bytes.Equal(got, p.bytes) {
					t.Errorf("got %d bytes, error %v; want all %d and none", len(got), err, size)
				}
			} else {
				if c.kind != nil {
					says(t, err, c.kind)
				}
				says(t, err, err, append(c.texts, p.blob.Digest.String())...)
			}
			asked := slices.DeleteFunc(p.Asked(), func(s string) bool { return !strings.Contains(s, "/blobs/") })
			if len(asked) > max(c.most, 1) {
				t.Errorf("got %d requests, want at most %d:\n%s", len(asked), max(c.most, 1), strings.Join(asked, "\n"))
			}
			for _, line := range asked {
				if _, part, ok := strings.Cut(line, "bytes="); ok && !strings.HasSuffix(part, fmt.Sprintf("-%d", size-1)) {
					t.Errorf("%s: not a closed range up to the end", line)
				}
			}
		})
	}
}

// answering answers with this body, in chunks if length is empty.
func answering(body []byte, length string) fakeregistry.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		if length != "" {
			w.Header().Set("Content-Length", length)
		}
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		_, _ = w.Write(body)
		return true
	}
}

// firstOnly uses answer for the first n requests.
func firstOnly(n int, answer func(w http.ResponseWriter)) fakeregistry.Fault {
	return func(w http.ResponseWriter, _ *http.Request, count int) bool {
		if count > n {
			return false
		}
		answer(w)
		return true
	}
}

// TestBlobCutEverywhere cuts a small blob off at every byte.
func TestBlobCutEverywhere(t *testing.T) {
	alone(t)
	const size = 300
	p := push(t, fakeregistry.New(t), size)
	c := client(t, Options{})
	for at := 0; at < size; at += testkit.Stride(1) {
		p.Forget()
		p.Break(p.onBlob(func(w http.ResponseWriter, r *http.Request, n int) bool {
			return n == 1 && cut(p.Registry, w, r, at)
		}))
		got, err := p.readBlob(t, c)
		if err != nil || !bytes.Equal(got, p.bytes) {
			t.Fatalf("cut after %d bytes: got %d bytes, error %v", at, len(got), err)
		}
	}
}

// storage is another host to which a registry redirects for its blobs.
type storage struct {
	*httptest.Server
	requests atomic.Int64
	headers  []http.Header
}

func newStorage(t *testing.T, tls bool, serve func(w http.ResponseWriter, r *http.Request, n int)) *storage {
	t.Helper()
	s := &storage{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.headers = append(s.headers, r.Header.Clone())
		serve(w, r, int(s.requests.Add(1)))
	}))
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// TestBlobElsewhere checks that a redirected request carries no token of the registry, and that
// peel asks the registry again when the address has expired.
func TestBlobElsewhere(t *testing.T) {
	alone(t)
	p := push(t, fakeregistry.New(t), 50_000)
	var log strings.Builder
	c := client(t, Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	var expired atomic.Bool
	away := newStorage(t, false, func(w http.ResponseWriter, r *http.Request, n int) {
		if r.URL.Query().Get("signature") != "secret1" && r.URL.Query().Get("signature") != "secret2" {
			t.Errorf("the address lost its query: %s", r.URL)
		}
		if expired.Load() && r.URL.Query().Get("signature") == "secret1" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<Error>Request has expired: signature secret1</Error>")
			return
		}
		if n == 1 {
			expired.Store(true)
			w.Header().Set("Content-Length", "50000")
			_, _ = w.Write(p.bytes[:20_000])
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.bytes))
	})
	p.Break(p.onBlob(func(w http.ResponseWriter, r *http.Request, n int) bool {
		http.Redirect(w, r, fmt.Sprintf("%s/blob?signature=secret%d", away.URL, n), http.StatusTemporaryRedirect)
		return true
	}), needsToken(p.Registry))
	home := t.TempDir()
	t.Setenv("DOCKER_CONFIG", home)
	writeAuth(t, home+"/config.json", map[string]string{p.Host(): "me:secret-password"})
	got, err := p.readBlob(t, c)
	if err != nil || !bytes.Equal(got, p.bytes) {
		t.Fatalf("%d bytes, error %v", len(got), err)
	}
	if n := away.requests.Load(); n != 3 {
		t.Errorf("got %d requests elsewhere, want 3: the first, an expired one, and one more", n)
	}
	for _, h := range away.headers {
		if h.Get("Authorization") != "" || h.Get("Cookie") != "" {
			t.Errorf("the registry's credentials were sent elsewhere: %v", h)
		}
	}
	if !slices.Contains(p.Authorizations(), "Bearer the-token") {
		t.Error("the registry was asked without a token, so the test proves nothing")
	}

	part := make([]byte, 1000)
	p.Forget()
	found, err := c.Resolve(t.Context(), p.name())
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []int64{0, 49_000, 20_000} {
		if err := found.ReadRange(t.Context(), p.blob, part, off); err != nil || !bytes.Equal(part, p.bytes[off:off+1000]) {
			t.Errorf("range at %d: wrong bytes, or error %v", off, err)
		}
	}
	blobs := slices.DeleteFunc(p.Asked(), func(s string) bool { return !strings.Contains(s, "/blobs/") })
	if len(blobs) > 2 { // the first address expired
		t.Errorf("asked the registry %d times where the blob is, want at most twice", len(blobs))
	}
	if !strings.Contains(log.String(), away.URL+"/blob") {
		t.Errorf("the log doesn't say where the registry redirected to:\n%s", log.String())
	}
	for _, secret := range []string{"secret1", "secret2", "the-token", "secret-password"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is logged:\n%s", secret, log.String())
		}
	}
}

// TestBlobNotFollowed checks that if peel doesn't follow a redirect, it says why, without the
// query of the address.
func TestBlobNotFollowed(t *testing.T) {
	alone(t)
	plain := newStorage(t, false, func(http.ResponseWriter, *http.Request, int) {})
	for _, c := range []struct{ name, to, says string }{
		{"from HTTPS to plain HTTP", plain.URL + "/x?token=hidden", "from HTTPS to plain HTTP"},
		{"to a file", "file:///etc/passwd", `scheme "file"`},
		{"in a circle", "", "more than 10 times"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := push(t, fakeregistry.NewTLS(t), 1000)
			p.Break(p.onBlob(func(w http.ResponseWriter, r *http.Request, _ int) bool {
				to := c.to
				if to == "" {
					to = r.URL.Path
				}
				w.Header().Set("Location", to)
				w.WriteHeader(http.StatusFound)
				return true
			}))
			_, err := p.readBlob(t, client(t, Options{Insecure: []string{"127.0.0.1"}}))
			says(t, err, ErrRefused, c.says)
			if strings.Contains(err.Error(), "hidden") {
				t.Errorf("the error shows the query: %v", err)
			}
		})
	}
	if n := plain.requests.Load(); n > 0 {
		t.Errorf("got %d requests by plain HTTP", n)
	}
}

// TestNotIntoPrivateNetwork checks that a public registry can't send peel into the private
// network that peel runs in.
func TestNotIntoPrivateNetwork(t *testing.T) {
	alone(t)
	inner := newStorage(t, false, func(http.ResponseWriter, *http.Request, int) {})
	c := client(t, Options{})
	public, err := c.host("registry.example", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	public.resolve.Do(func() {}) // as if its name had only public addresses
	for _, to := range []string{inner.URL, "http://localhost:1", "http://10.0.0.1", "http://169.254.169.254/latest", "http://[::1]:80"} {
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		h, err := c.host(u.Host, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.away(t.Context(), public, u); err != errInward { //nolint:errorlint // that very one
			t.Errorf("%s: error %v, want %v", to, err, errInward)
		}
	}
	// Use a name that leads there.
	h, err := c.host("harmless.example", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	by, err := h.away(t.Context(), public, &url.URL{Scheme: "http", Host: "harmless.example"})
	if err != nil {
		t.Fatal(err)
	}
	if by != http.RoundTripper(h.guarded) {
		t.Fatal("not the transport that checks addresses")
	}
	req := httptest.NewRequest(http.MethodGet, inner.URL, http.NoBody) // dials the address itself
	req.RequestURI = ""
	resp, err := by.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "private network") {
		t.Errorf("got error %v, want one about a private network", err)
	}
	if n := inner.requests.Load(); n > 0 {
		t.Errorf("got %d requests to the private network", n)
	}
}

func FuzzContentRange(f *testing.F) {
	for _, v := range []string{"bytes 0-9/10", "bytes 5-9/*", "bytes */10", "bytes 9-5/10", "", "bytes 0-18446744073709551615/3"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		first, last, total, err := contentRange(v)
		if err == nil && (first < 0 || last < first || total < -1 || total >= 0 && last >= total) {
			t.Errorf("%q: %d-%d/%d", v, first, last, total)
		}
	})
}
