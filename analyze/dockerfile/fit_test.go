package dockerfile

import (
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/source"
)

// TestFits checks that a Dockerfile fits the image built from it, by any builder, and no other
// image.
func TestFits(t *testing.T) {
	const text = "FROM debian:12\nENV A=1\nWORKDIR /srv\nCOPY . .\nRUN make && make install\nUSER app\nCMD [\"app\"]\n"
	const base = "# debian.sh --arch 'amd64' out/ 'bookworm'|CMD [\"bash\"] -"
	const buildkit = base + "|ENV A=1 -|WORKDIR /srv|COPY . . # buildkit|RUN /bin/sh -c make && make install # buildkit|USER app -|CMD [\"app\"] -"
	const classic = "/bin/sh -c #(nop) ADD file:4bf7a in / |/bin/sh -c #(nop)  CMD [\"bash\"] -|/bin/sh -c #(nop)  ENV A=1 -|/bin/sh -c #(nop) WORKDIR /srv|/bin/sh -c #(nop) COPY dir:0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d in /srv |/bin/sh -c make && make install|/bin/sh -c #(nop)  USER app -|/bin/sh -c #(nop)  CMD [\"app\"] -"
	for _, c := range []struct {
		name, text, history string
		why                 string // words of the reason why it doesn't fit; "" if it fits
	}{
		{"buildkit", text, buildkit, ""},
		{"the classic builder", text, classic, ""},
		{"no base", strings.Replace(text, "debian:12", "scratch", 1), strings.TrimPrefix(buildkit, base+"|"), ""},
		{"a variable", strings.Replace(text, "make install", "make $WHAT", 1), buildkit, "another text on line 5 than the image's step RUN make && make install"},
		{"a shell in the exec form", strings.Replace(text, "make && make install", `["/bin/sh", "-c", "make && make install"]`, 1), buildkit, ""},
		{"ports", "FROM debian:12\nCOPY . .\nEXPOSE 80 53/udp\nEXPOSE 90\n", base + "|COPY . . # buildkit|EXPOSE [80/tcp 53/udp] -|EXPOSE map[90/tcp:{}] -", ""},
		{"triggers", strings.Replace(text, "USER app\n", "ONBUILD RUN a\nONBUILD RUN b\nONBUILD RUN c\n", 1), strings.Replace(buildkit, "|USER app -", "", 1), ""},
		{"a label more, by the build's flag", text, buildkit + "|LABEL commit=9f3c -", ""},
		{"another command in the end", strings.Replace(text, `["app"]`, `["app", "-v"]`, 1), buildkit, ""},
		{"another RUN", strings.Replace(text, "make && make install", "cargo build", 1), buildkit, "line 5 than the image's step RUN make"},
		{"a RUN more in the file", text + "RUN rm -rf /x\n", buildkit, "a step on line 8 that the image's history doesn't have: RUN rm -rf /x"},
		{"a RUN more in the image", text, buildkit + "|RUN /bin/sh -c rm -rf /x # buildkit", "lacks a step of the image's history: RUN rm -rf /x"},
		{"a RUN between, in the image", text, strings.Replace(buildkit, "|RUN", "|RUN /bin/sh -c one # buildkit|RUN", 1), "lacks a step of the image's history: RUN one"},
		{"in another order", "FROM debian:12\nENV A=1\nWORKDIR /srv\nRUN make && make install\nCOPY . .\nUSER app\nCMD [\"app\"]\n", buildkit, "line"},
		{"another service of the same kind", "FROM debian:12\nWORKDIR /srv\nCOPY . .\nRUN make && make install-worker\nCMD [\"worker\"]\n", buildkit, "line 4"},
		{"a prefix of it", "FROM debian:12\nENV A=1\nWORKDIR /srv\nCOPY . .\n", buildkit, "lacks a step of the image's history: RUN make && make install"},
		{"nothing that makes a layer", "FROM debian:12\nENV A=1\nCMD [\"app\"]\n", base + "|ENV A=1 -|CMD [\"app\"] -", "too few steps"},
		{"another stage than the last", text + "FROM alpine\nRUN apk add curl\n", buildkit, "on line 9 that the image's history doesn't have: RUN apk add curl"},
		{"the last of several stages", "FROM golang AS build\nRUN go build\n" + text, buildkit, ""},
		{"a history of one entry, of all steps", text, "/bin/sh", "on line 4 that the image's history doesn't have: COPY . ."},
		{"no history", text, "", "on line 4"},
		{"the base alone", "FROM debian:12\n", base, "too few"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Parse("Dockerfile", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			im := imageWith(c.history)
			why, misfit := Misfit(im, d)
			if misfit != (c.why != "") || !strings.Contains(why, c.why) {
				t.Errorf("the reason is %q, %t, want %q", why, misfit, c.why)
			}
			if Fits(im, d) == misfit {
				t.Errorf("it fits: %t", !misfit)
			}
		})
	}
	// Provenance that contains this very file beats any history.
	d, err := Parse("Dockerfile", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	im := &source.Image{Provenance: &source.Provenance{Files: []source.BuildFile{{Name: "Dockerfile", Text: []byte(text)}}}}
	if !Fits(im, d) {
		t.Error("the Dockerfile doesn't fit its own provenance")
	}
}

// imageWith returns an image with a history: steps separated by bars, with " -" after those that
// made no layer.
func imageWith(history string) *source.Image {
	im := &source.Image{Platform: "linux/arm64"}
	for step := range strings.SplitSeq(history, "|") {
		command, empty := strings.CutSuffix(step, " -")
		if step != "" {
			im.History = append(im.History, source.Step{Command: command, Empty: empty})
			if !empty {
				im.Layers = append(im.Layers, &source.Layer{})
			}
		}
	}
	return im
}

// TestFor checks which stage is the image's, and that its own lines and base count.
func TestFor(t *testing.T) {
	const text = `ARG VARIANT=slim
FROM debian:12 AS common
RUN one
FROM common AS slim
RUN two
FROM alpine:3 AS base-arm64
RUN three
FROM base-arm64 AS base-amd64
FROM ${VARIANT} AS dev
RUN four
FROM base-$TARGETARCH AS fast
RUN five
FROM $OTHER AS odd
RUN six
FROM common
RUN seven
`
	run := func(names ...string) string {
		steps := []string{"# debian.sh"}
		for _, n := range names {
			steps = append(steps, "RUN /bin/sh -c "+n+" # buildkit")
		}
		return strings.Join(steps, "|")
	}
	for _, c := range []struct {
		name, history string
		base          string
		from          int   // line of the base's FROM
		lines         []int // of each layer; 0 if unknown
	}{
		{"the last stage", run("one", "seven"), "debian:12", 2, []int{0, 3, 16}},
		{"a stage in the middle", run("one", "two"), "debian:12", 2, []int{0, 3, 5}},
		{"on a variable with a default", run("one", "two", "four"), "debian:12", 2, []int{0, 3, 5, 10}},
		{"on a variable with another value", run("any", "four"), "", 9, []int{0, 0, 10}},
		{"on the builder's variable", run("three", "five"), "alpine:3", 6, []int{0, 7, 12}},
		{"on a variable without a value", run("any", "six"), "", 13, []int{0, 0, 14}},
		{"none", run("one", "eight"), "debian:12", 2, []int{0, 3, 16}}, // the likeliest line
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Parse("Dockerfile", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			im := imageWith(c.history)
			d, fits := For(im, d)
			if got := d.BaseLine(); got != c.from {
				t.Errorf("got the FROM on line %d, want %d", got, c.from)
			}
			if got := d.Base(im.Platform); got != c.base {
				t.Errorf("got base %q, want %q", got, c.base)
			}
			var lines []int
			for _, l := range Lines(im, d) {
				if l == nil {
					lines = append(lines, 0)
				} else {
					lines = append(lines, l.First)
				}
			}
			if !slices.Equal(lines, c.lines) {
				t.Errorf("got lines %v, want %v", lines, c.lines)
			}
			if fits != (c.name != "none") || Fits(im, d) != fits {
				t.Errorf("it fits: %t, %t", fits, Fits(im, d))
			}
		})
	}
}

// TestForManyStages checks that a Dockerfile with many stages isn't tried stage by stage without
// end.
func TestForManyStages(t *testing.T) {
	d, err := Parse("Dockerfile", []byte(strings.Repeat("FROM a AS b\nRUN x\n", maxInstructions/2)))
	if err != nil {
		t.Fatal(err)
	}
	if got, fits := For(imageWith("RUN y"), d); got != d || fits {
		t.Error("a stage fits")
	}
}
