package ui

import (
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
)

// appDockerfile is the Dockerfile that the image of the fixture app was built from.
const appDockerfile = `# syntax=docker/dockerfile:1
FROM debian:12

# What it needs.
RUN apt-get update && \
    apt-get install -y --no-install-recommends nginx python3
RUN pip install -r requirements.txt

# The application.
COPY model.bin /srv/app/
RUN chmod 600 /srv/app/model.bin && chown -R 1000:1000 /srv/app
RUN rm -rf /var/lib/apt/lists/*
COPY config/nginx.conf /etc/nginx/nginx.conf
RUN mv /srv/app/model.bin /srv/app/model-with-a-very-long-name-that-does-not-fit-anywhere.bin
USER 1000
`

// builtFrom adds a Dockerfile to an analysis.
func builtFrom(t testing.TB, a *analyze.Analysis, name, text string) *analyze.Analysis {
	t.Helper()
	d, err := dockerfile.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	a.Dockerfile = d
	return a
}

// TestBuildLines checks that if the line of a step is known, the layers, the page about a layer
// and the history show it.
func TestBuildLines(t *testing.T) {
	unlike := strings.Replace(appDockerfile, "pip install -r requirements.txt", "pip install flask", 1)
	for _, tt := range []struct {
		name, file, text, keys string
		w, h                   int
		want                   []string
		not                    string
	}{
		{"a layer", "build/app.dockerfile", appDockerfile, "shift+tab g j", 80, 24, []string{"build/app.dockerfile, lines 5"}, ""},
		{"a layer, wide", "build/app.dockerfile", appDockerfile, "shift+tab g j", 120, 40, []string{"wasted line  command", "    5  apt-get update", "build/app.dockerfile, lines 5 to 6"}, ""},
		{"of the base", "Dockerfile", appDockerfile, "shift+tab g", 120, 40, nil, "Dockerfile,"},
		{"most likely", "Dockerfile", unlike, "shift+tab g j j", 120, 40, []string{"   7?  pip install", "Dockerfile, line 7, most likely"}, ""},
		{"history", "build/app.dockerfile", appDockerfile, "/ m o d e l . enter", 80, 24, []string{"by app.dockerfile:14 RUN mv"}, ""},
		{"history, wide", "build/app.dockerfile", appDockerfile, "/ m o d e l . enter", 200, 60, []string{"by app.dockerfile:14 RUN mv", "by app.dockerfile:11 RUN chmod", "by app.dockerfile:10 COPY"}, ""},
		{"a name that is not clean", "a\x1b[2J/b\x07c", appDockerfile, "shift+tab g j", 120, 40, []string{`b\x07c, lines 5 to 6`}, "\x07"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := start(t, builtFrom(t, open(t, "app"), tt.file, tt.text), tt.w, tt.h)
			press(m, tt.keys)
			intact(t, m)
			for _, want := range tt.want {
				rowWith(t, m, want)
			}
			if all := strings.Join(screen(m), "\n"); tt.not != "" && strings.Contains(all, tt.not) {
				t.Errorf("screen shows %q:\n%s", tt.not, all)
			}
		})
	}
}
