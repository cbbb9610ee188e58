package registry

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/peelhq/peel/internal/fakeregistry"
)

// TestAskedAgain checks that cached data isn't requested again: a tag takes a HEAD, a digest no
// request.
func TestAskedAgain(t *testing.T) {
	alone(t)
	p := push(t, fakeregistry.New(t), 1000)
	store := &mapStore{}
	read := func(name string, o Options) ([]string, error) {
		o.Store = store
		p.Forget()
		found, err := client(t, o).Resolve(t.Context(), name)
		if err == nil {
			var text []byte
			text, err = found.Manifest(t.Context(), found.Descriptor)
			if err == nil && string(text) != string(p.text) {
				t.Errorf("another manifest: %s", text)
			}
		}
		return slices.DeleteFunc(p.Asked(), func(s string) bool { return s == "GET /v2/" }), err
	}
	byDigest := p.Host() + "/me/app@" + p.manifest.String()
	head, get := "HEAD /v2/me/app/manifests/1", "GET /v2/me/app/manifests/"+p.manifest.String()
	for _, c := range []struct {
		what, name string
		o          Options
		want       []string
	}{
		{"the first time", p.name(), Options{}, []string{head, get}},
		{"again", p.name(), Options{}, []string{head}},
		{"by digest", byDigest, Options{}, []string{}},
		{"offline", p.name(), Options{Offline: true}, []string{}},
		{"offline, by digest", byDigest, Options{Offline: true}, []string{}},
	} {
		got, err := read(c.name, c.o)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got requests %q, error %v; want %q", c.what, got, err, c.want)
		}
	}
	_, err := read(p.Host()+"/me/app:2", Options{Offline: true})
	says(t, err, ErrOffline, "has not been opened before", "--offline")

	// A store that was tampered with isn't trusted.
	store.text[p.manifest.String()] = []byte(`{"schemaVersion":2}`)
	if got, err := read(byDigest, Options{}); err != nil || !slices.Equal(got, []string{get}) {
		t.Errorf("asked %q, error %v", got, err)
	}
}

// TestManifestFaults checks manifests that are wrong, too large or missing.
func TestManifestFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(p *pushed) fakeregistry.Fault
		kind  error
		texts []string
	}{
		{name: "HEAD is not known", fault: func(*pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if r.Method == http.MethodHead {
					w.WriteHeader(http.StatusMethodNotAllowed)
				}
				return r.Method == http.MethodHead
			}
		}},
		{name: "HEAD tells no digest", fault: func(*pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if r.Method == http.MethodHead {
					w.WriteHeader(http.StatusOK)
				}
				return r.Method == http.MethodHead
			}
		}},
		{name: "another manifest than the digest names", kind: ErrWrongBytes, texts: []string{"returns other content"}, fault: func(p *pushed) fakeregistry.Fault {
			return manifestOnly(strings.Replace(string(p.text), "2", "3", 1), "")
		}},
		{name: "a shorter one", kind: ErrWrongBytes, texts: []string{"100 bytes instead of 395"}, fault: func(p *pushed) fakeregistry.Fault {
			return manifestOnly(string(p.text[:100]), "")
		}},
		{name: "an endless one", kind: ErrWrongBytes, texts: []string{"more than the 8388608 bytes"}, fault: func(*pushed) fakeregistry.Fault {
			return manifestOnly(strings.Repeat(" ", maxDocument+2), "")
		}},
		{name: "a login page", kind: ErrPage, texts: []string{"a web page", "HTTPS_PROXY"}, fault: func(*pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, "<html><form>password</form></html>")
				return true
			}
		}},
		{name: "a web page that is not found", kind: ErrPage, texts: []string{"404 Not Found"}, fault: func(*pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(http.StatusNotFound)
				return true
			}
		}},
		{name: "a rate limit", kind: ErrRateLimited, texts: []string{"asks for fewer requests", "TOOMANYREQUESTS You have reached your pull rate limit", "try again"}, fault: func(*pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if r.URL.Path == "/v2/" || r.Method == http.MethodHead {
					return false
				}
				w.WriteHeader(http.StatusTooManyRequests)
				_, _ = io.WriteString(w, `{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit. https://u:p@x.example/?t=secret"}]}`)
				return true
			}
		}},
		{name: "denied", kind: ErrUnauthorized, texts: []string{"DENIED no", "docker login"}, fault: func(*pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if r.URL.Path == "/v2/" {
					return false
				}
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, `{"errors":[{"code":"DENIED","message":"no"}]}`)
				return true
			}
		}},
		{name: "a registry that is ill", texts: []string{"502 Bad Gateway", "try again later"}, fault: func(*pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				w.WriteHeader(http.StatusBadGateway)
				return true
			}
		}},
		{name: "an answer that is cut, twice", fault: func(p *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, n int) bool {
				return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/") && n < 3 && cut(p.Registry, w, r, 10)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			alone(t)
			p := push(t, fakeregistry.New(t), 1000)
			p.Break(c.fault(p))
			found, err := client(t, Options{}).Resolve(t.Context(), p.name())
			if err == nil {
				_, err = found.Manifest(t.Context(), found.Descriptor)
			}
			if c.kind == nil && c.texts == nil {
				if err != nil || found.Digest != p.manifest {
					t.Errorf("%v, error %v", found, err)
				}
				return
			}
			if c.kind != nil {
				says(t, err, c.kind)
			}
			says(t, err, err, append(c.texts, p.Host()+"/me/app")...)
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "u:p@") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// manifestOnly answers GET requests for manifests with this text.
func manifestOnly(text, mediaType string) fakeregistry.Fault {
	return func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		if mediaType != "" {
			w.Header().Set("Content-Type", mediaType)
		}
		_, _ = io.WriteString(w, text)
		return true
	}
}

// TestNotFound checks names and tags that don't exist.
func TestNotFound(t *testing.T) {
	alone(t)
	p := push(t, fakeregistry.New(t), 1000)
	for _, tag := range []string{"1.2.3", "1.2.4", "latest", "edge"} {
		p.Manifest(t, "me/app", tag, "application/vnd.oci.image.manifest.v1+json", p.text)
	}
	c := client(t, Options{})
	_, err := c.Resolve(t.Context(), p.Host()+"/me/app:1.2.5")
	says(t, err, ErrNotFound, `has no tag "1.2.5"`, "did you mean 1.2.3, 1.2.4, ")
	_, err = c.Resolve(t.Context(), p.Host()+"/me/ap:1")
	says(t, err, ErrNotFound, "has no repository me/ap")
	_, err = c.Resolve(t.Context(), p.Host()+"/me/app@sha256:"+strings.Repeat("0", 64))
	says(t, err, ErrNotFound, "has no such image")
	p.Break(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if strings.HasSuffix(r.URL.Path, "/tags/list") {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return strings.HasSuffix(r.URL.Path, "/tags/list")
	})
	_, err = c.Resolve(t.Context(), p.Host()+"/me/app:none")
	says(t, err, ErrNotFound, "has no such image; check the name")

	// A registry that answers HEAD with a 404, which has no body to explain it.
	p.Break(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusNotFound)
		}
		return r.Method == http.MethodHead
	})
	_, err = c.Resolve(t.Context(), p.Host()+"/me/ap:1")
	says(t, err, ErrNotFound, "has no repository me/ap; check the name")
}

// TestUnreachable checks a host that doesn't exist or doesn't speak HTTP.
func TestUnreachable(t *testing.T) {
	alone(t)
	p := push(t, fakeregistry.New(t), 1000)
	host := p.Host()
	p.Close()
	c := client(t, Options{})
	_, err := c.Resolve(t.Context(), host+"/app")
	says(t, err, ErrUnreachable, host+" does not answer", "connection refused")
	_, err = c.Resolve(t.Context(), "nowhere.invalid/app")
	says(t, err, ErrUnreachable, "nowhere.invalid", "check the n")

	// With a proxy, only the proxy's address matters; its credentials are secret.
	t.Setenv("HTTPS_PROXY", "http://user:hidden@"+host)
	_, err = client(t, Options{}).Resolve(t.Context(), "nowhere.invalid/app")
	says(t, err, ErrUnreachable, "through the proxy "+host)
	if strings.Contains(err.Error(), "hidden") {
		t.Errorf("the error shows the proxy's password: %v", err)
	}
}

// TestPlainHTTP checks that plain HTTP is used for loopback addresses and for hosts that are
// configured as insecure.
func TestPlainHTTP(t *testing.T) {
	alone(t)
	p := push(t, fakeregistry.New(t), 1000)
	c := client(t, Options{})
	if _, err := c.Resolve(t.Context(), p.name()); err != nil {
		t.Errorf("loopback: %v", err)
	}
	for name, want := range map[string]string{"registry.example": "https", "10.0.0.7:5000": "https", "localhost": "https http", "127.0.0.1:5000": "https http", "[::1]:5000": "https http", "insecure.example:8080": "https http"} {
		c.Insecure = []string{"insecure.example"}
		h, err := c.host(name, false, nil)
		if err != nil || strings.Join(h.schemes, " ") != want {
			t.Errorf("%s: %q, error %v; want %s", name, h.schemes, err, want)
		}
	}
}

// TestTags checks the list of tags, page by page.
func TestTags(t *testing.T) {
	alone(t)
	p := push(t, fakeregistry.New(t), 10)
	pages := 0
	p.Break(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if !strings.HasSuffix(r.URL.Path, "/tags/list") {
			return false
		}
		pages++
		if r.URL.Query().Get("last") == "" {
			w.Header().Set("Link", `</v2/me/app/tags/list?last=b&n=2>; rel="next"`)
			_, _ = io.WriteString(w, `{"name":"me/app","tags":["a","b","\u001b[31m","x y"]}`)
			return true
		}
		_, _ = io.WriteString(w, `{"name":"me/app","tags":["c"]}`)
		return true
	})
	tags, more, err := client(t, Options{}).Tags(t.Context(), p.Host()+"/me/app")
	if err != nil || more || !slices.Equal(tags, []string{"a", "b", "c"}) || pages != 2 {
		t.Errorf("got %q, more %v, error %v, %d pages", tags, more, err, pages)
	}
	p.Break(func(w http.ResponseWriter, _ *http.Request, n int) bool { // without end
		w.Header().Set("Link", fmt.Sprintf(`<http://elsewhere.example/v2/me/app/tags/list?last=%d>; rel=next`, n))
		_, _ = io.WriteString(w, `{"tags":["a"]}`)
		return true
	})
	if tags, more, err = client(t, Options{}).Tags(t.Context(), p.Host()+"/me/app"); err != nil || !more || len(tags) != maxPages {
		t.Errorf("got %d tags, more %v, error %v", len(tags), more, err)
	}
}

// TestReferrers checks which manifests refer to an image, through the referrers API and through
// the tag that replaces it.
func TestReferrers(t *testing.T) {
	alone(t)
	p := push(t, fakeregistry.New(t), 10)
	sub := []byte(fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.in-toto+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":%d}}`, p.manifest, len(p.text)))
	p.Manifest(t, "me/app", digest.FromBytes(sub).String(), "application/vnd.oci.image.manifest.v1+json", sub)
	list := func(store Store) []Referrer {
		t.Helper()
		p.Forget()
		found, err := client(t, Options{Store: store}).Resolve(t.Context(), p.name())
		if err != nil {
			t.Fatal(err)
		}
		refs, err := found.Referrers(t.Context(), p.manifest)
		if err != nil {
			t.Fatal(err)
		}
		return refs
	}
	store := &mapStore{}
	for range 2 {
		refs := list(store)
		if len(refs) != 1 || refs[0].Digest != digest.FromBytes(sub) {
			t.Fatalf("%+v", refs)
		}
	}
	if slices.ContainsFunc(p.Asked(), func(s string) bool { return strings.Contains(s, "/referrers/") }) {
		t.Error("requested again although it's cached")
	}
	p.Break(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if strings.Contains(r.URL.Path, "/referrers/") {
			w.WriteHeader(http.StatusNotFound)
		}
		return strings.Contains(r.URL.Path, "/referrers/")
	})
	if refs := list(nil); len(refs) != 0 {
		t.Errorf("%+v, want none", refs)
	}
	index, _ := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []any{map[string]any{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest.FromBytes(sub), "size": len(sub)}}})
	p.Manifest(t, "me/app", "sha256-"+p.manifest.Encoded(), "application/vnd.oci.image.index.v1+json", index)
	if refs := list(nil); len(refs) != 1 || refs[0].Digest != digest.FromBytes(sub) {
		t.Errorf("by the tag: got %+v", refs)
	}
}

// TestSaid checks that text from registries contains no secret once it's cleaned.
func TestSaid(t *testing.T) {
	for text, want := range map[string]string{
		"see https://x.example/a?X-Amz-Signature=abc&b=c now":                          "see https://x.example/a?... now",
		"proxy http://user:password@proxy:80 fails":                                    "proxy http://...@proxy:80 fails",
		"Authorization: Bearer abcdefghijkl":                                           "Authorization: Bearer ...",
		"token eyJhbGciOiJSUzI1NiIsInR5cCI6.eyJpc3MiOiJodHRwc.c2lnbmF0dXJlLXNpZ2 here": "token ... here",
		"two\nlines \x1b[31m":                                                          `two lines \x1b[31m`,
	} {
		if got := said(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzTags(f *testing.F) {
	f.Add([]byte(`{"name":"a","tags":["1","2"]}`), `</v2/a/tags/list?n=1&last=x>; rel="next"`)
	f.Add([]byte(`{"tags":null}`), `<>`)
	f.Fuzz(func(t *testing.T, text []byte, link string) {
		tags, err := parseTags(text)
		for _, tag := range tags {
			if err != nil || !tagForm.MatchString(tag) {
				t.Errorf("%q, error %v", tag, err)
			}
		}
		nextPage([]string{link})
	})
}

func FuzzReferrers(f *testing.F) {
	f.Add([]byte(`{"manifests":[{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":1}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		refs, err := parseReferrers(text)
		if len(refs) > maxReferrers || err != nil && refs != nil {
			t.Errorf("%d, error %v", len(refs), err)
		}
	})
}

func FuzzName(f *testing.F) {
	f.Add("ghcr.io/me/app:1@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	f.Add("app")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parse(s)
		if err != nil {
			return
		}
		again, err := parse(r.String())
		if err != nil || again.String() != r.String() {
			t.Errorf("%q: %s, then %s, error %v", s, r, again, err)
		}
		splitShort(s)
	})
}
