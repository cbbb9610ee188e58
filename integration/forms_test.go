package integration

import (
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// TestEveryFormGivesTheSame checks that an image has the same tree and figures in every form.
func TestEveryFormGivesTheSame(t *testing.T) {
	b := builtImage(t)
	want := summary(t, open(t, b.forms[0]))
	id := strings.TrimSpace(run(t, "docker", "image", "inspect", "--format", "{{.Id}}", b.name))
	for _, f := range b.forms {
		t.Run(f.name, func(t *testing.T) {
			a := open(t, f)
			if diff := differences(want, summary(t, a)); diff != "" {
				t.Errorf("%s differs from %s:\n%s", f.name, b.forms[0].name, diff)
			}
			if (a.Image.ID == id) == f.oci {
				t.Errorf("got image ID %s, the engine has %s", a.Image.ID, id)
			}
		})
	}
}

// TestBuilders checks the effects of the steps in testdata/Dockerfile.
func TestBuilders(t *testing.T) {
	a := open(t, builtImage(t).forms[0])
	type version struct {
		layer  int
		change analyze.Change
		cause  analyze.Cause
		by     int
	}
	const no = analyze.NotShadowed
	tests := []struct {
		path string
		want []version // oldest first
	}{
		{"/data/conf", []version{{1, analyze.Added, analyze.Overwritten, 2}, {2, analyze.Modified, no, -1}}},
		{"/data/owned", []version{{1, analyze.Added, analyze.MetadataCopy, 4}, {4, analyze.Metadata, no, -1}}},
		{"/data/capable", []version{{1, analyze.Added, analyze.MetadataCopy, 4}, {4, analyze.Metadata, no, -1}}},
		{"/data/touched", []version{{1, analyze.Added, analyze.MetadataCopy, 5}, {5, analyze.Metadata, no, -1}}},
		{"/data/shared", []version{{1, analyze.Added, no, -1}, {5, analyze.Metadata, no, -1}}},
		{"/data/same", []version{{1, analyze.Added, analyze.SameAgain, 6}, {6, analyze.Identical, no, -1}}},
		{"/data/gone/c", []version{{1, analyze.Added, analyze.Deleted, 7}, {7, analyze.Removed, no, -1}}},
		{"/data/gone/a/new", []version{{12, analyze.Added, no, -1}}},
		{"/data/back", []version{{1, analyze.Added, analyze.Deleted, 7}, {7, analyze.Removed, no, -1}, {12, analyze.Added, no, -1}}},
		{"/data/opaque/f1", []version{{1, analyze.Added, analyze.Opaque, 8}, {8, analyze.Removed, no, -1}}},
		{"/data/opaque/f4", []version{{8, analyze.Added, no, -1}}},
		{"/data/dir", []version{{1, analyze.Added, analyze.Replaced, 9}, {9, analyze.Modified, no, -1}}},
		{"/data/dir/inner", []version{{1, analyze.Added, analyze.Replaced, 9}, {9, analyze.Removed, no, -1}}},
		{"/data/file", []version{{1, analyze.Added, analyze.Replaced, 9}, {9, analyze.Modified, no, -1}}},
		{"/data/big", []version{
			{1, analyze.Added, analyze.MetadataCopy, 3}, {3, analyze.Metadata, analyze.SameAgain, 10},
			{10, analyze.Identical, analyze.Deleted, 11}, {11, analyze.Removed, no, -1},
		}},
		{"/data/kept", []version{{10, analyze.Added, no, -1}}},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			n, ok := a.Tree.Lookup(test.path)
			if !ok {
				t.Fatal("no such node")
			}
			var got []version
			for _, v := range a.Tree.Versions(n) {
				got = append(got, version{v.Layer(), v.Change(), v.Cause(), v.By()})
			}
			if len(got) != len(test.want) {
				t.Fatalf("got %v, want %v", got, test.want)
			}
			for i := range got {
				// A removed or covered version without bytes may or may not have a cause, so
				// don't compare it.
				if test.want[i].cause == no && test.want[i].by == -1 {
					got[i].cause, got[i].by = no, -1
				}
				if got[i] != test.want[i] {
					t.Errorf("version %d: got %v, want %v", i, got[i], test.want[i])
				}
			}
		})
	}
	for _, c := range a.Causes {
		// No engine writes a path twice into one layer.
		if (c.Bytes == 0) != (c.Cause == analyze.Duplicate) {
			t.Errorf("%d bytes wasted by cause %s", c.Bytes, c.Cause)
		}
	}
	if name := a.Image.Name; !strings.HasPrefix(name, "peel-integration") {
		t.Errorf("got image name %q", name)
	}
}
