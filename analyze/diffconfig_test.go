package analyze

import (
	"fmt"
	"strings"
	"testing"

	"github.com/peelhq/peel/source"
)

// configChangeLines formats changes, one per line.
func configChangeLines(changes []ConfigChange) string {
	var lines []string
	for _, c := range changes {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%s %s %s: %s | %s", c.Change, c.Part, c.Name, c.Before, c.After), " "))
	}
	return strings.Join(lines, "\n")
}

// TestCompareConfigs compares the configs of two images part by part.
func TestCompareConfigs(t *testing.T) {
	full := source.Image{ID: "sha256:1", Platform: "linux/amd64", Config: source.Config{
		User: "app", WorkingDir: "/srv", Entrypoint: []string{"/bin/app", "-v"}, Cmd: []string{"serve"}, Env: []string{"PATH=/bin", "PORT=80", "EMPTY="},
		ExposedPorts: []string{"80/tcp"}, Volumes: []string{"/data"}, Labels: map[string]string{"version": "1"}, StopSignal: "SIGQUIT", Healthcheck: []string{"CMD", "true"},
	}}
	with := func(change func(im *source.Image)) *source.Image {
		im := full
		change(&im)
		return &im
	}
	tests := []struct {
		name  string
		after *source.Image
		want  string
	}{
		{"the same", &full, ""},
		{"another name and digest", with(func(im *source.Image) { im.ID, im.Name = "sha256:2", "app:2" }), ""},
		{"variables in another order", with(func(im *source.Image) { im.Config.Env = []string{"EMPTY=", "PORT=1", "PORT=80", "PATH=/bin"} }), ""},
		{"a user", with(func(im *source.Image) { im.Config.User = "" }), "removed user : app |"},
		{"variables", with(func(im *source.Image) { im.Config.Env = []string{"PATH=/bin:/usr/bin", "EMPTY=", "NEW"} }),
			"added env NEW:  |\nmodified env PATH: /bin | /bin:/usr/bin\nremoved env PORT: 80 |"},
		{"an empty variable goes", with(func(im *source.Image) { im.Config.Env = []string{"PATH=/bin", "PORT=80"} }), "removed env EMPTY:  |"},
		{"commands", with(func(im *source.Image) {
			im.Config.Entrypoint, im.Config.Cmd, im.Config.Healthcheck = []string{"/bin/app -v"}, nil, []string{"CMD-SHELL", `test "<a>"`}
		}),
			`modified entrypoint : ["/bin/app","-v"] | ["/bin/app -v"]` + "\n" + `removed command : ["serve"] |` + "\n" + `modified healthcheck : ["CMD","true"] | ["CMD-SHELL","test \"<a>\""]`},
		{"the rest", with(func(im *source.Image) {
			im.Platform, im.Config.WorkingDir, im.Config.StopSignal = "linux/arm64", "/", "SIGINT"
			im.Config.ExposedPorts, im.Config.Volumes, im.Config.Labels = []string{"443/tcp", "80/tcp"}, nil, map[string]string{"version": "2"}
		}), "modified platform : linux/amd64 | linux/arm64\nmodified workingDir : /srv | /\nmodified label version: 1 | 2\nadded port 443/tcp:  |\nremoved volume /data:  |\nmodified stopSignal : SIGQUIT | SIGINT"},
		{"secrets", with(func(im *source.Image) {
			im.Config.Env = append([]string{"DB_PASSWORD=hunter2hunter2", "URL=https://me:s3cr3tpassw0rd@host/x"}, im.Config.Env...)
		}), "added env DB_PASSWORD:  | (hidden)\nadded env URL:  | https://me:(hidden)@host/x"},
		{"no config", &source.Image{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := configChangeLines(compareConfigs(&full, tt.after))
			if got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
			if strings.Contains(got, "hunter2") || strings.Contains(got, "s3cr3t") {
				t.Error("a secret shows")
			}
		})
	}
}
