package objects

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestBucket runs the tests that every store must pass on a bucket.
func TestBucket(t *testing.T) {
	testkit.NewS3(t)
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
	f := testkit.NewS3(t)
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
		f.SetFault(func(w http.ResponseWriter, _ *http.Request) bool { return testkit.RefuseS3(w, test.status, test.code) })
		_, err := s.Put(t.Context(), "x", strings.NewReader("x"), 1)
		if err == nil || errors.Is(err, ErrRefused) != test.lasts || strings.Contains(err.Error(), "secret-of-the-store") {
			t.Errorf("%s: %v", test.code, err)
		}
	}
}

// TestBucketAgain checks that an interrupted put is retried and leaves one object, and that
// expired credentials are renewed.
func TestBucketAgain(t *testing.T) {
	f := testkit.NewS3(t)
	s, err := Open(t.Context(), "s3://fleet/p", true)
	if err != nil {
		t.Fatal(err)
	}
	broken := 0
	f.SetFault(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || broken > 2 {
			return false
		}
		switch broken++; broken {
		case 1: // halfway
			_, _ = io.CopyN(io.Discard, r.Body, 10)
			panic(http.ErrAbortHandler)
		case 2:
			return testkit.RefuseS3(w, http.StatusServiceUnavailable, "SlowDown")
		}
		return testkit.RefuseS3(w, http.StatusBadRequest, "ExpiredToken")
	})
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
	f.Set("p/x", []byte(strings.Repeat("another", 40_000)))
	if _, err := o.ReadAt(b, 11); err == nil {
		t.Error("read bytes of two versions")
	}
}

// TestBucketAnswersAsAsked checks that bytes of another version or another part are never taken
// for those that were requested, even from a store that ignores If-Match or Range.
func TestBucketAnswersAsAsked(t *testing.T) {
	f := testkit.NewS3(t)
	text := strings.Repeat("0123456789", 100)
	f.Set("p/x", []byte(text))
	s, err := Open(t.Context(), "s3://fleet/p", true)
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	etag := o.(*bucketObject).etag
	for _, c := range []struct {
		name, etag, part string // of the answer
		off              int64
		says             string // "" if the answer is right
	}{
		{"right", etag, "bytes 20-24/1000", 20, ""},
		{"unknown size", etag, "bytes 20-24/*", 20, ""},
		{"without an ETag", "", "bytes 20-24/1000", 20, ""},
		{"all of it, from the start", etag, "", 0, ""},
		{"all of it", etag, "", 20, "does not return parts"},
		{"another version", "another", "bytes 20-24/1000", 20, "replaced"},
		{"another start", etag, "bytes 0-4/1000", 20, "another part"},
		{"another end", etag, "bytes 20-25/1000", 20, "another part"},
		{"another size", etag, "bytes 20-24/1001", 20, `"1001" bytes now, not 1000`},
		{"no numbers", etag, "bytes", 20, "another part"},
	} {
		f.SetFault(func(w http.ResponseWriter, _ *http.Request) bool {
			h, status, body := w.Header(), http.StatusPartialContent, "01234"
			h.Set("Last-Modified", "Fri, 27 Nov 2026 00:00:00 GMT")
			if c.etag != "" {
				h.Set("ETag", strconv.Quote(c.etag))
			}
			if c.part == "" {
				status, body = http.StatusOK, text
			} else {
				h.Set("Content-Range", c.part)
			}
			h.Set("Content-Length", strconv.Itoa(len(body)))
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, body)
			return true
		})
		b := make([]byte, 5)
		_, err := o.ReadAt(b, c.off)
		if c.says == "" && (err != nil || string(b) != "01234") || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %q, %v", c.name, b, err)
		}
	}
}

// TestBucketAnswersAreBounded checks that an endless listing or error takes no memory without
// end.
func TestBucketAnswersAreBounded(t *testing.T) {
	f := testkit.NewS3(t)
	s, err := Open(t.Context(), "s3://fleet/p", true)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, start, more string
		status            int
	}{
		{"listing", "<ListBucketResult>", "<Contents><Key>p/" + strings.Repeat("x", testkit.Size(1, 2000)) + "</Key></Contents>", http.StatusOK},
		{"one name", "<ListBucketResult><Contents><Key>", "xxxxxxxxxxxxxxxx", http.StatusOK},
		{"error", "<Error><Message>", "xxxxxxxxxxxxxxxx", http.StatusForbidden},
	} {
		sent := 0
		f.SetFault(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.start)
			for page := strings.Repeat(c.more, 1000); sent < 8*maxAnswer; sent += len(page) {
				if _, err := io.WriteString(w, page); err != nil {
					break
				}
			}
			return true
		})
		if err := s.List(t.Context(), "", func(string, int64) error { return nil }); err == nil || sent >= 8*maxAnswer {
			t.Errorf("%s: %d bytes, %v", c.name, sent, err)
		} else if c.status == http.StatusOK && !strings.Contains(err.Error(), "16 MiB") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
