package analyze_test

import (
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestSameContent checks that large files with the same content at several paths are one
// finding for each set of layers and packages that brought them.
func TestSameContent(t *testing.T) {
	const status = `file var/lib/dpkg/status "Package: cuda\nVersion: 12\n"
file var/lib/dpkg/info/cuda.list "/usr/lib/cuda/a.so\n/usr/lib/cuda/b.so\n"
`
	const base = "-- layer --\n" + status + "file usr/lib/cuda/a.so 2000000 seed=a\nfile usr/lib/cuda/b.so 1500000 seed=b\n"
	const wheel = "-- layer --\nfile opt/x-1.dist-info/METADATA \"Name: x\\nVersion: 1\\n\"\nfile opt/x-1.dist-info/RECORD \"x/a.so,,\\nx/b.so,,\\n\"\n"
	for _, tt := range []struct{ name, image, want string }{
		{"in the base and in a wheel", base + wheel + "file opt/x/a.so 2000000 seed=a\nfile opt/x/b.so 1500000 seed=b\n",
			"2 files have the same content at several paths, each stored separately, 3.50 MB more than once: /usr/lib/cuda, of cuda 12 (dpkg), from layer 0; /opt/x, of x 1 (python), from layer 1."},
		{"one of them differs", base + wheel + "file opt/x/a.so 2000000 seed=a\nfile opt/x/b.so 1500000 seed=c\n",
			"1 file has the same content at several paths, each stored separately, 2.00 MB more than once: /usr/lib/cuda/a.so, of cuda 12 (dpkg), from layer 0; /opt/x/a.so, of x 1 (python), from layer 1."},
		{"by no package", base + "-- layer --\nfile srv/a 2000000 seed=a\nfile srv/b 2000000 seed=a\n",
			"1 file has the same content at several paths, each stored separately, 4.00 MB more than once: /usr/lib/cuda/a.so, of cuda 12 (dpkg), from layer 0; /srv/a, of no package, from layer 1; /srv/b, of no package, from layer 1."},
		{"hard links", base + "-- layer --\nhardlink srv/a -> usr/lib/cuda/a.so\n", ""},
		{"covered", base + "-- layer --\nfile srv/a 2000000 seed=a\n-- layer --\nfile srv/.wh.a\n", ""},
		{"small", base + "-- layer --\nfile srv/a 900000 seed=x\nfile srv/b 900000 seed=x\n", ""},
		{"of one size", base + "-- layer --\nfile srv/a 2000000 seed=x\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, form := range testkit.Sample([]string{"docker-20", "oci-tar.gz"}) {
				a := analysisOf(t, form, tt.image)
				found, err := analyze.Advise(t.Context(), a, analyze.AdviceOptions{})
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, f := range found {
					if f.Rule == analyze.RuleSame {
						got = append(got, f.Message)
					}
				}
				if s := strings.Join(got, "\n"); s != tt.want {
					t.Errorf("%s:\ngot:  %s\nwant: %s", form, s, tt.want)
				}
			}
		})
	}
}

// analysisOf reads an image with its packages, in the given shape.
func analysisOf(t *testing.T, shape, text string) *analyze.Analysis {
	t.Helper()
	f, err := testkit.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	im, err := source.Open(t.Context(), testkit.ShapeNamed(shape).Write(t, f), source.Options{Platform: "linux/amd64", Collect: analyze.Collectors()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = im.Close() })
	a, err := analyze.Run(t.Context(), im, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}
