package objects

import (
	"errors"
	"io"
	"net/http"
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
