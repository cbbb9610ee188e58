package source

import (
	"errors"
	"strings"
	"testing"
)

func TestChoosePlatform(t *testing.T) {
	of := func(names ...string) []candidate {
		var out []candidate
		for _, name := range names {
			name, absent := strings.CutSuffix(name, " absent")
			p, err := parsePlatform(name)
			if err != nil {
				t.Fatal(err)
			}
			c := candidate{platform: p, digest: name}
			if absent {
				c.missing = errors.New("its layer 0 is missing")
			}
			out = append(out, c)
		}
		return out
	}
	host := hostPlatform().String()
	for _, c := range []struct {
		name   string
		have   []candidate
		wanted string
		want   string // platform, or part of the error
	}{
		{"the host's", of("linux/s390x", host), "", host},
		{"linux even elsewhere", of("windows/"+hostPlatform().arch, host), "", host},
		{"the only one", of("linux/s390x"), "", "linux/s390x"},
		{"the only one whose blobs are here", of("linux/s390x", "linux/mips absent"), "", "linux/s390x"},
		{"asked for", of("linux/s390x", host), "linux/s390x", "linux/s390x"},
		{"by another name", of(host, "linux/arm64"), "linux/aarch64", "linux/arm64"},
		{"v8 says nothing", of("linux/s390x", "linux/arm64/v8"), "linux/arm64", "linux/arm64"},
		{"a variant asked for", of("linux/arm/v6", "linux/arm/v7"), "linux/arm/v6", "linux/arm/v6"},
		{"the highest variant", of("linux/arm/v6", "linux/arm/v7", "linux/arm/v5"), "linux/arm", "linux/arm/v7"},
		{"rather no variant", of("linux/arm/v7", "linux/arm"), "linux/arm", "linux/arm"},
		{"none fits: what there is", of("linux/s390x", "linux/mips"), "", "linux/s390x)"},
		{"not there", of("linux/s390x"), "linux/mips", "not there for linux/mips"},
		{"listed but absent", of("linux/s390x", "linux/mips absent"), "linux/mips", "its layer 0 is missing"},
		{"the only one is absent", of("linux/mips absent"), "", "its layer 0 is missing"},
		{"not a platform", of(host), "amd64", "os/architecture"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := choose(c.have, "", c.wanted)
			text := got.platform.String()
			if err != nil {
				text = err.Error()
			}
			if text != c.want && (err == nil || !strings.Contains(text, c.want)) {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}

func TestChooseImage(t *testing.T) {
	p := platform{os: "linux", arch: "amd64"}
	all := []candidate{
		{names: []string{"app:1"}, digest: "sha256:aa", platform: p},
		{names: []string{"localhost:5000/app:2"}, digest: "sha256:bb", platform: p},
		{names: []string{"app:latest"}, digest: "sha256:aa", platform: p},
		{digest: "sha256:cc", platform: p},
	}
	for _, c := range []struct{ name, tag, want string }{
		{"whole reference", "app:1", "sha256:aa"},
		{"written out", "docker.io/library/app:1", "sha256:aa"},
		{"a second name of it", "app", "sha256:aa"},
		{"the tag alone", "2", "sha256:bb"},
		{"by digest", "sha256:cc", "sha256:cc"},
		{"by place", "@1", "sha256:bb"},
		{"place that is not there", "@3", "no image @3"},
		{"none of that name", "app:3", `no image "app:3"`},
		{"nothing said", "", "several images"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := choose(all, c.tag, "linux/amd64")
			text := got.digest
			if err != nil {
				text = err.Error()
			}
			if text != c.want && (err == nil || !strings.Contains(text, c.want)) {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}
