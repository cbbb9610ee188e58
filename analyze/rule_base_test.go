package analyze

import (
	"testing"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/source"
)

// TestBaseHold checks the message for tags and images with different numbers of layers.
func TestBaseHold(t *testing.T) {
	for _, c := range []struct {
		name      string
		tag       baseTag
		now, same int
		says      string // the message, or the advice of the failed rule
	}{
		{"the same", baseTag{name: "x:1", layers: 3}, 3, 3, "x:1 still has the layers that the image was built on"},
		{"how many there were is not known", baseTag{name: "x:1", layers: -1}, 3, 3, "x:1 still has the layers that the image was built on"},
		{"some differ", baseTag{name: "x:1", layers: 3}, 5, 2, "3 of the 5 layers that x:1 has now are not in the image: rebuild the image with --pull, which fetches the base image anew."},
		{"all differ", baseTag{name: "x:1", layers: -1}, 1, 0, "1 of the 1 layer that x:1 has now is not in the image: rebuild the image with --pull, which fetches the base image anew."},
		{"fewer", baseTag{name: "x:1", layers: 3}, 2, 2, "The image was built on 3 layers, and x:1 has 2 now: rebuild the image with --pull, which fetches the base image anew."},
		{"pinned", baseTag{name: "x:1", layers: -1, pinned: true}, 2, 1, "1 of the 2 layers that x:1 has now is not in the image: the base image is pinned by its digest, so write the tag's new digest, and rebuild the image."},
	} {
		var v verdict
		v.hold(c.tag, c.now, c.same)
		says := v.message
		if v.failed {
			says = v.advice
		}
		if says != c.says || v.failed == (v.value == "current") {
			t.Errorf("%s: %v %q, %q\nwant %q", c.name, v.failed, v.value, says, c.says)
		}
	}
}

// TestBaseTag checks which tag is used and where its name comes from.
func TestBaseTag(t *testing.T) {
	const sum = "@sha256:0123456789012345678901234567890123456789012345678901234567890123"
	label := func(name string) map[string]string { return map[string]string{baseNameAnnotation: name} }
	for _, c := range []struct {
		name        string
		base        Base
		from        string // of the Dockerfile; "" for none
		annotations map[string]string
		labels      map[string]string
		want        baseTag
		missing     string
	}{
		{"asked for", Base{By: BaseAsked, Sure: true, Layers: 2, asked: "registry://x:1"}, "y:1", nil, nil, baseTag{"x:1", false, true, 2}, ""},
		{"asked for by a number", Base{By: BaseAsked, Sure: true, Layers: 2}, "y:1", nil, nil, baseTag{"y:1", false, true, -1}, ""},
		{"asked for by a digest", Base{By: BaseAsked, Sure: true, Layers: 2, asked: sum[1:]}, "", nil, nil, baseTag{layers: 2}, "nothing names the base image"},
		{"a file", Base{By: BaseAsked, Sure: true, Layers: 2, asked: "rule_base.go"}, "", nil, nil, baseTag{layers: 2}, "nothing names the base image"},
		{"the Dockerfile", Base{By: BaseDockerfile, Sure: true, Layers: 2, Name: "y:1"}, "", nil, nil, baseTag{"y:1", false, true, 2}, ""},
		{"a digest beside the tag", Base{By: BaseDockerfile, Layers: 2, Name: "y:1" + sum}, "", nil, nil, baseTag{"y:1", true, true, -1}, ""},
		{"a digest alone", Base{}, "host:5000/y" + sum, nil, nil, baseTag{"host:5000/y", true, true, -1}, "the base image is named by a digest alone, without a tag: host:5000/y" + sum},
		{"the Dockerfile beats annotations", Base{By: BaseAnnotations, Sure: true, Layers: 2, Name: "z" + sum}, "y:1", label("z:1"), nil, baseTag{"y:1", false, true, -1}, ""},
		{"annotations", Base{By: BaseAnnotations, Sure: true, Layers: 2, Name: "z" + sum}, "", label("z:1"), label("q:1"), baseTag{"z:1", false, false, 2}, ""},
		{"labels", Base{}, "", nil, label("q:1"), baseTag{"q:1", false, false, -1}, ""},
		{"a label that is the name of a file", Base{}, "", nil, label("/etc/passwd"), baseTag{layers: -1}, "nothing names the base image"},
		{"a label with a digest", Base{}, "", nil, label("q:1" + sum), baseTag{"q:1", false, false, -1}, ""},
		{"scratch", Base{}, "scratch", nil, nil, baseTag{"scratch", false, true, -1}, ""},
		{"scratch, by a label", Base{}, "", label("scratch"), nil, baseTag{"scratch", false, false, -1}, ""},
		{"the history", Base{By: BaseHistory, Name: "b:1", Layers: 2}, "", nil, nil, baseTag{"b:1", false, false, -1}, ""},
		{"an image on this machine", Base{By: BaseImage, Name: "l:1", Layers: 2}, "", nil, nil, baseTag{layers: -1}, "nothing names the base image: l:1 has its layers, but the image may have been built on another"},
		{"asked for, and missing", Base{Missing: "the base ./x cannot be found", asked: "./x"}, "", nil, nil, baseTag{layers: -1}, "the base ./x cannot be found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ck := &checker{a: &Analysis{Base: c.base, Image: &source.Image{Annotations: c.annotations, Config: source.Config{Labels: c.labels}}}}
			if c.from != "" {
				d, err := dockerfile.Parse("Dockerfile", []byte("FROM "+c.from+"\nCOPY a /a\n"))
				if err != nil {
					t.Fatal(err)
				}
				ck.file = d
			}
			tag, missing := ck.baseTag()
			if missing != c.missing || missing == "" && tag != c.want {
				t.Errorf("%+v, %q\nwant %+v, %q", tag, missing, c.want, c.missing)
			}
		})
	}
}
