package testkit

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// S3 is an object store with a bucket "fleet". It implements the part of the S3 API that peel uses.
type S3 struct {
	*httptest.Server

	mu      sync.Mutex
	objects map[string]s3Object
	changes map[string]int // how often Set stored an object
	noETags bool
	fault   func(w http.ResponseWriter, r *http.Request) bool
	asked   []string
}

type s3Object struct {
	content []byte
	eTag    string
}

// NewS3 starts a store, and sets the environment so that it is the one to use.
func NewS3(t *testing.T) *S3 {
	t.Helper()
	f := &S3{objects: map[string]s3Object{}, changes: map[string]int{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	t.Setenv("AWS_ENDPOINT_URL_S3", f.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-store")
	t.Setenv("AWS_REGION", "us-east-1")
	return f
}

// SetFault sets a function that may mishandle a request. It returns whether it has. Nil for none.
func (f *S3) SetFault(fault func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// Set stores an object, and replaces one of that name.
func (f *S3) Set(key string, b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.objects[key] = s3Object{b, s3ETag(b)}
	f.changes[key]++
}

// Remove removes an object.
func (f *S3) Remove(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.objects, key)
}

// OmitETags makes the store like one that has no ETags, such as a gateway to a file system.
func (f *S3) OmitETags() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noETags = true
}

// Asked returns the requests so far: "GET /fleet/KEY".
func (f *S3) Asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// RefuseS3 answers with an error like S3's.
func RefuseS3(w http.ResponseWriter, status int, code string) bool {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
	return true
}

func (f *S3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	fault := f.fault
	f.asked = append(f.asked, r.Method+" "+r.URL.Path)
	f.mu.Unlock()
	if fault != nil && fault(w, r) {
		return
	}
	if !strings.Contains(r.Header.Get("Authorization"), "Credential=key/") {
		RefuseS3(w, http.StatusForbidden, "InvalidAccessKeyId")
		return
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case bucket != "fleet":
		RefuseS3(w, http.StatusNotFound, "NoSuchBucket")
	case key == "" && r.Method == http.MethodHead:
	case key == "":
		f.list(w, r)
	case r.Method == http.MethodPut:
		f.put(w, r, key)
	default:
		f.get(w, r, key)
	}
}

func s3ETag(b []byte) string {
	sum := md5.Sum(b)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func (f *S3) put(w http.ResponseWriter, r *http.Request, key string) {
	b, err := io.ReadAll(r.Body)
	if err != nil || r.ContentLength >= 0 && int64(len(b)) != r.ContentLength {
		RefuseS3(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING") {
		b = unchunked(b)
	}
	if want := r.Header.Get("Content-Md5"); want != "" {
		if sum := md5.Sum(b); base64.StdEncoding.EncodeToString(sum[:]) != want {
			RefuseS3(w, http.StatusBadRequest, "BadDigest")
			return
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.objects[key]; there && r.Header.Get("If-None-Match") == "*" {
		RefuseS3(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	o := s3Object{b, s3ETag(b)}
	f.objects[key] = o
	w.Header().Set("ETag", o.eTag)
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

func (f *S3) get(w http.ResponseWriter, r *http.Request, key string) {
	f.mu.Lock()
	o, ok := f.objects[key]
	changed, noETags := f.changes[key], f.noETags
	f.mu.Unlock()
	if !ok {
		RefuseS3(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	if !noETags {
		w.Header().Set("ETag", o.eTag)
	}
	w.Header().Set("Last-Modified", fmt.Sprintf("Thu, 26 Nov 2026 00:00:%02d GMT", changed%60))
	if m := r.Header.Get("If-Match"); m != "" && m != o.eTag {
		RefuseS3(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	b := o.content
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
func (f *S3) list(w http.ResponseWriter, r *http.Request) {
	type content struct {
		Key  string
		Size int
	}
	type result struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		EncodingType          string
		IsTruncated           bool
		NextContinuationToken string
		Contents              []content
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out := result{EncodingType: "url"}
	var keys []string
	for key := range f.objects {
		if strings.HasPrefix(key, r.URL.Query().Get("prefix")) && key > r.URL.Query().Get("continuation-token") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	last := ""
	for _, key := range keys {
		if len(out.Contents) == 2 {
			out.IsTruncated, out.NextContinuationToken = true, last
			break
		}
		out.Contents = append(out.Contents, content{url.QueryEscape(key), len(f.objects[key].content)})
		last = key
	}
	_ = xml.NewEncoder(w).Encode(out)
}
