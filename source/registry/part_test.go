package registry

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/peelhq/peel/internal/fakeregistry"
)

// TestPart checks that for any fault on the way, the requested part of a blob is returned, or
// an error, and that no more than that part is sent.
func TestPart(t *testing.T) {
	const size = 100_000
	for _, c := range []struct {
		name     string
		from, to int64
		fault    func(p *pushed) fakeregistry.Fault
		kind     error // nil if all bytes arrive
		most     int   // requests; 0 means one
	}{
		{name: "the middle", from: 40_000, to: 60_000},
		{name: "the beginning", from: 0, to: 10},
		{name: "the end", from: size - 10, to: size},
		{name: "nothing", from: 50_000, to: 50_000},
		{name: "all of it", from: 0, to: size},
		{name: "cut every time", from: 20_000, to: 80_000, most: 7, fault: func(p *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, _ int) bool { return cut(p.Registry, w, r, 10_000) }
		}},
		{name: "cut without a byte, always", from: 20_000, to: 80_000, kind: ErrBroken, most: 4, fault: func(p *pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, r *http.Request, _ int) bool { return cut(p.Registry, w, r, 0) }
		}},
		{name: "200", from: 20_000, to: 80_000, kind: ErrWhole, fault: func(*pushed) fakeregistry.Fault {
			return func(_ http.ResponseWriter, r *http.Request, _ int) bool { r.Header.Del("Range"); return false }
		}},
		{name: "another range", from: 20_000, to: 80_000, kind: ErrWrongBytes, fault: func(*pushed) fakeregistry.Fault {
			return func(_ http.ResponseWriter, r *http.Request, _ int) bool {
				r.Header.Set("Range", "bytes=7-79999")
				return false
			}
		}},
		{name: "not there", from: 20_000, to: 80_000, kind: ErrNoBlob, fault: func(*pushed) fakeregistry.Fault {
			return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				w.WriteHeader(http.StatusNotFound)
				return true
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			alone(t)
			p := push(t, fakeregistry.New(t), size)
			found, err := client(t, Options{}).Resolve(t.Context(), p.name())
			if err != nil {
				t.Fatal(err)
			}
			p.Forget()
			if c.fault != nil {
				p.Break(p.onBlob(c.fault(p)))
			}
			b := found.Part(t.Context(), p.blob, c.from, c.to)
			got, err := io.ReadAll(b)
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			if c.kind != nil {
				says(t, err, c.kind)
			} else if err != nil || !bytes.Equal(got, p.bytes[c.from:c.to]) {
				t.Errorf("got %d bytes, error %v, want %d", len(got), err, c.to-c.from)
			}
			if n := len(p.Asked()); n > max(1, c.most) {
				t.Errorf("got %d requests, want at most %d", n, max(1, c.most))
			}
			if sent := p.Sent(); c.fault == nil && sent != c.to-c.from {
				t.Errorf("sent %d bytes, want %d", sent, c.to-c.from)
			}
		})
	}
	t.Run("beyond the end", func(t *testing.T) {
		alone(t)
		p := push(t, fakeregistry.New(t), size)
		found, err := client(t, Options{}).Resolve(t.Context(), p.name())
		if err != nil {
			t.Fatal(err)
		}
		for _, ends := range [][2]int64{{-1, 5}, {7, 5}, {0, size + 1}} {
			if _, err := io.ReadAll(found.Part(t.Context(), p.blob, ends[0], ends[1])); err == nil {
				t.Errorf("%v: no error", ends)
			}
		}
	})
}

// TestSumBy checks that SumBy sets the hash that verifies the blob.
func TestSumBy(t *testing.T) {
	alone(t)
	p := push(t, fakeregistry.New(t), 1000)
	found, err := client(t, Options{}).Resolve(t.Context(), p.name())
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	b := found.Blob(t.Context(), p.blob)
	b.SumBy(h)
	if _, err := io.Copy(io.Discard, b); err != nil {
		t.Fatal(err)
	}
	if want := sha256.Sum256(p.bytes); !slices.Equal(h.Sum(nil), want[:]) {
		t.Error("the hash saw other bytes")
	}
	other := sha256.New()
	_, _ = other.Write([]byte("something before"))
	b = found.Blob(t.Context(), p.blob)
	b.SumBy(other)
	if _, err := io.Copy(io.Discard, b); !errors.Is(err, ErrWrongBytes) {
		t.Errorf("got error %v: the hash doesn't verify the blob", err)
	}
}
