package dockerfile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/source"
)

// TestUses checks which other instructions use the files of a stage.
func TestUses(t *testing.T) {
	const text = `FROM debian AS Common
COPY app /app
FROM common AS builder
RUN make
RUN <<EOF
make check
EOF
FROM busybox AS other
RUN true
COPY --from=busybox /bin /bin
FROM common
RUN chown 1 /app
COPY --from=other /a /a
COPY --chown=1 --from=builder /out /docs/ /srv/
COPY --from=0 ["/b", "/b"]
COPY --from=common /$X /c
RUN --mount=type=bind,from=builder,target=/m ls /m
`
	d, err := dockerfile.Parse("Dockerfile", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	of := func(line int) string {
		var b strings.Builder
		for _, u := range d.Uses(line) {
			fmt.Fprintf(&b, "%d %q %q\n", u.Line, u.Run, u.Copies)
		}
		return b.String()
	}
	want := `4 "make" []
5 "<<EOF make check" []
14 "" ["/out" "/docs/"]
15 "" ["/b"]
16 "" []
17 "" []
`
	if got := of(2); got != want {
		t.Errorf("line 2 has the uses\n%swant\n%s", got, want)
	}
	if got := of(12); got != "" {
		t.Errorf("the last stage has the uses\n%s", got)
	}
}

// TestUsesOfOtherStages checks a stage on a variable, which may name any stage before it, and that
// only the stages of the image don't count.
func TestUsesOfOtherStages(t *testing.T) {
	d, err := dockerfile.Parse("Dockerfile", []byte("FROM debian AS common\nCOPY app /app\nFROM $ANY\nRUN any\nFROM common AS dev\nRUN dev\nFROM common\nRUN last\n"))
	if err != nil {
		t.Fatal(err)
	}
	lines := func(d *dockerfile.File) (lines []int) {
		for _, u := range d.Uses(2) {
			lines = append(lines, u.Line)
		}
		return lines
	}
	if got := lines(d); !slices.Equal(got, []int{4, 6}) {
		t.Errorf("got uses on lines %v, want 4 and 6", got)
	}
	im := &source.Image{History: []source.Step{{Command: "COPY app /app # buildkit"}, {Command: "RUN /bin/sh -c dev # buildkit"}}}
	dev, _ := dockerfile.For(im, d)
	if got := lines(dev); !slices.Equal(got, []int{4, 8}) {
		t.Errorf("with the stage dev: got uses on lines %v, want 4 and 8", got)
	}
}
