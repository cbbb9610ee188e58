package objects

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fakeS3 is a bucket "fleet" for tests. It implements the part of S3 that a store uses.
type fakeS3 struct {
	*httptest.Server

	mu      sync.Mutex
	objects map[string][]byte
	fault   func(w http.ResponseWriter, r *http.Request) bool // mishandles a request; may be nil
	asked   []string
}

func newFakeS3(t *testing.T) *fakeS3 {
	t.Helper()
	f := &fakeS3{objects: map[string][]byte{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	t.Setenv("AWS_ENDPOINT_URL_S3", f.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-store")
	t.Setenv("AWS_REGION", "us-east-1")
	return f
}

// refuse answers with an error like S3's.
func refuse(w http.ResponseWriter, status int, code string) bool {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
	return true
}

func (f *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	fault := f.fault
	f.asked = append(f.asked, r.Method+" "+r.URL.Path)
	f.mu.Unlock()
	if fault != nil && fault(w, r) {
		return
	}
	if !strings.Contains(r.Header.Get("Authorization"), "Credential=key/") {
		refuse(w, http.StatusForbidden, "InvalidAccessKeyId")
		return
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case bucket != "fleet":
		refuse(w, http.StatusNotFound, "NoSuchBucket")
	case key == "" && r.Method == http.MethodHead:
	case key == "":
		f.list(w, r)
	case r.Method == http.MethodPut:
		f.put(w, r, key)
	default:
		f.get(w, r, key)
	}
}

func etag(b []byte) string {
	sum := md5.Sum(b)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func (f *fakeS3) put(w http.ResponseWriter, r *http.Request, key string) {
	b, err := io.ReadAll(r.Body)
	if err != nil || r.ContentLength >= 0 && int64(len(b)) != r.ContentLength {
		refuse(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING") {
		b = unchunked(b)
	}
	if want := r.Header.Get("Content-Md5"); want != "" {
		if sum := md5.Sum(b); base64.StdEncoding.EncodeToString(sum[:]) != want {
			refuse(w, http.StatusBadRequest, "BadDigest")
			return
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.objects[key]; there && r.Header.Get("If-None-Match") == "*" {
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	f.objects[key] = b
	w.Header().Set("ETag", etag(b))
}

// unchunked removes the chunk framing of a streamed body. Source: Amazon S3 API Reference,
// "Signature Calculations: Transferring Payload in Multiple Chunks".
func unchunked(b []byte) (out []byte) {
	for {
		line, rest, _ := strings.Cut(string(b), "\r\n")
		size, err := strconv.ParseInt(strings.Split(line, ";")[0], 16, 32)
		if err != nil || size == 0 {
			return out
		}
		out = append(out, rest[:size]...)
		b = []byte(rest[size+2:])
	}
}

func (f *fakeS3) get(w http.ResponseWriter, r *http.Request, key string) {
	f.mu.Lock()
	b, ok := f.objects[key]
	f.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	w.Header().Set("ETag", etag(b))
	w.Header().Set("Last-Modified", "Thu, 26 Nov 2026 00:00:00 GMT")
	if m := r.Header.Get("If-Match"); m != "" && m != etag(b) {
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	var from, to int
	if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); n == 2 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(b)))
		w.Header().Set("Content-Length", strconv.Itoa(to+1-from))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(b[from : to+1])
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(b)
	}
}

// list answers with two names per page.
func (f *fakeS3) list(w http.ResponseWriter, r *http.Request) {
	type content struct {
		Key  string
		Size int
	}
	type result struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string
		Contents              []content
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var out result
	var keys []string
	for key := range f.objects {
		if strings.HasPrefix(key, r.URL.Query().Get("prefix")) && key > r.URL.Query().Get("continuation-token") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		if len(out.Contents) == 2 {
			out.IsTruncated, out.NextContinuationToken = true, out.Contents[1].Key
			break
		}
		out.Contents = append(out.Contents, content{key, len(f.objects[key])})
	}
	_ = xml.NewEncoder(w).Encode(out)
}

// TestBucket runs the tests that every store must pass on a bucket.
func TestBucket(t *testing.T) {
	newFakeS3(t)
	s, err := Open(t.Context(), "s3://fleet/some/prefix/", true)
	if err != nil {
		t.Fatal(err)
	}
	if s.String() != "s3://fleet/some/prefix" {
		t.Error(s)
	}
	testStore(t, s)
}

// TestBucketErrors checks that errors say whether trying again may help, and contain no secret.
func TestBucketErrors(t *testing.T) {
	f := newFakeS3(t)
	s, err := Open(t.Context(), "s3://fleet/p", true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), "s3://none/p", true); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	for _, test := range []struct {
		status int
		code   string
		lasts  bool
	}{
		{http.StatusForbidden, "AccessDenied", true},
		{http.StatusBadRequest, "ExpiredToken", true},
		{http.StatusForbidden, "RequestTimeTooSkewed", false}, // a clock that is off
		{http.StatusNotImplemented, "NotImplemented", false},
	} {
		f.mu.Lock()
		f.fault = func(w http.ResponseWriter, _ *http.Request) bool { return refuse(w, test.status, test.code) }
		f.mu.Unlock()
		_, err := s.Put(t.Context(), "x", strings.NewReader("x"), 1)
		if err == nil || errors.Is(err, ErrRefused) != test.lasts || strings.Contains(err.Error(), "secret-of-the-store") {
			t.Errorf("%s: %v", test.code, err)
		}
	}
}

// TestBucketAgain checks that an interrupted put is retried and leaves one object, and that
// expired credentials are renewed.
func TestBucketAgain(t *testing.T) {
	f := newFakeS3(t)
	s, err := Open(t.Context(), "s3://fleet/p", true)
	if err != nil {
		t.Fatal(err)
	}
	broken := 0
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || broken > 2 {
			return false
		}
		switch broken++; broken {
		case 1: // halfway
			_, _ = io.CopyN(io.Discard, r.Body, 10)
			panic(http.ErrAbortHandler)
		case 2:
			return refuse(w, http.StatusServiceUnavailable, "SlowDown")
		}
		return refuse(w, http.StatusBadRequest, "ExpiredToken")
	}
	text := strings.Repeat("some bytes ", 20_000)
	if made, err := s.Put(t.Context(), "x", strings.NewReader(text), int64(len(text))); err != nil || !made || broken != 3 {
		t.Error(made, err, broken)
	}
	o, err := s.Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10)
	if _, err := o.ReadAt(b, 11); err != nil || string(b) != "some bytes" {
		t.Error(string(b), err)
	}
	// If another object replaces this one, reading must not continue in the new one.
	f.mu.Lock()
	f.objects["p/x"] = []byte(strings.Repeat("another", 40_000))
	f.mu.Unlock()
	if _, err := o.ReadAt(b, 11); err == nil {
		t.Error("read bytes of two versions")
	}
}
