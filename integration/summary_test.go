package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
)

// open opens and analyses an image, and closes it at the end of the test.
func open(t *testing.T, f form) *analyze.Analysis {
	t.Helper()
	opts := source.Options{KeepContent: true}
	if f.stdin != "" {
		in, err := os.Open(f.stdin)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close() })
		opts.Stdin = in
	}
	im, err := source.Open(t.Context(), f.ref, opts)
	if err != nil {
		t.Fatalf("opening %s: %v", f.name, err)
	}
	t.Cleanup(func() {
		if err := im.Close(); err != nil {
			t.Errorf("closing %s: %v", f.name, err)
		}
	})
	a, err := analyze.Run(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatalf("analyzing %s: %v", f.name, err)
	}
	return a
}

// summary lists every fact of an analysis that must not depend on the image's form, one per
// line: figures, layers, waste, every version of every node, and the checksum of every file's
// content.
func summary(t *testing.T, a *analyze.Analysis) []string {
	t.Helper()
	var s []string
	add := func(format string, args ...any) { s = append(s, fmt.Sprintf(format, args...)) }

	totals := a.Totals
	totals.Compressed = 0 // the only figure that depends on the form
	add("image %s %s", a.Image.Platform, a.Image.Created.UTC())
	add("config %+v", a.Image.Config)
	add("totals %+v", totals)
	for _, c := range a.Causes {
		add("cause %s: %d bytes, %d versions", c.Cause, c.Bytes, c.Versions)
	}
	for _, l := range a.Layers {
		add("layer %d %s: stored %d wasted %d hides %d entries %d base %t %+v by %q", l.Layer.Index, l.Layer.DiffID,
			l.Stored, l.Wasted, l.Hides, l.Entries, l.Base, l.Changes, l.Layer.Step.Command)
		if l.Layer.Err != nil {
			add("layer %d cannot be read: %v", l.Layer.Index, l.Layer.Err)
		}
	}
	for _, w := range a.Waste.All() {
		add("waste %s: %d bytes of layer %d, %s by %d", w.Path(), w.Bytes, w.Layer, w.Cause, w.By)
	}
	for _, f := range a.Flaws {
		add("flaw %d %s: %s", f.Layer, f.Path, f.Problem)
	}
	for n := range a.Tree.Len() {
		node := analyze.NodeID(n)
		for _, v := range a.Tree.Versions(node) {
			line := fmt.Sprintf("%s @%d %s", a.Tree.Path(node), v.Layer(), v.Change())
			if v.Change() != analyze.Removed {
				line += fmt.Sprintf(" %s/%s %04o %d:%d %s size %d stored %d wasted %d -> %q", v.Type(), v.Kind(), v.Mode(),
					v.UID(), v.GID(), v.Time().UTC(), v.Size(), v.Stored(), v.Wasted(), v.Link())
				if v.Kind() == source.File {
					line += " " + sum(t, v)
				}
			}
			if v.Cause() != analyze.NotShadowed {
				line += fmt.Sprintf(" [%s by %d]", v.Cause(), v.By())
			}
			s = append(s, line)
		}
	}
	slices.Sort(s) // nodes are numbered in order of arrival
	return s
}

// sum reads a version's content and returns the start of its SHA-256.
func sum(t *testing.T, v analyze.Version) string {
	t.Helper()
	r, err := v.Open(t.Context())
	if err != nil {
		t.Fatalf("opening a version of layer %d: %v", v.Layer(), err)
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		t.Fatalf("reading a version of layer %d: %v", v.Layer(), err)
	}
	if n != v.Size() {
		t.Errorf("a version of layer %d has %d bytes of content, but claims %d", v.Layer(), n, v.Size())
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// differences returns the lines that only one of two sorted lists has.
func differences(want, got []string) string {
	var b strings.Builder
	for _, line := range want {
		if _, ok := slices.BinarySearch(got, line); !ok {
			fmt.Fprintln(&b, "-", line)
		}
	}
	for _, line := range got {
		if _, ok := slices.BinarySearch(want, line); !ok {
			fmt.Fprintln(&b, "+", line)
		}
	}
	return b.String()
}
