package dockerfile

import (
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
			im := &source.Image{}
			for step := range strings.SplitSeq(c.history, "|") {
				command, empty := strings.CutSuffix(step, " -")
				if step != "" {
					im.History = append(im.History, source.Step{Command: command, Empty: empty})
				}
			}
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
