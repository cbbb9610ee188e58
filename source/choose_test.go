package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// listedAs makes candidates as an index lists them. Each spec is "NAME PLATFORM"; the name "|"
// stands for another image of the same index. More words may follow: "silent" (only the config
// has the platform), "absent" (not here), "partial" (lacks a layer), "chart" (not an image),
// "same" (same config as the previous one).
func listedAs(t *testing.T, opened *[]string, specs ...string) []candidate {
	t.Helper()
	var out []candidate
	config := ""
	for i, spec := range specs {
		words := strings.Fields(spec)
		is := func(word string) bool { return strings.Contains(spec, " "+word) }
		p, err := parsePlatform(words[1])
		if err != nil {
			t.Fatal(err)
		}
		c := candidate{digest: fmt.Sprintf("sha256:%02d", i), platform: p, line: i}
		if !is("same") {
			config = "config of " + c.digest
		}
		id := config
		switch words[0] {
		case "|":
			c.line = 0
		case "-":
		default:
			c.names = []string{words[0]}
		}
		if is("silent") {
			c.platform, c.doubt = platform{}, true
		}
		said := c.platform
		c.look = func(context.Context) ([]candidate, error) {
			*opened = append(*opened, "look "+c.digest)
			found := c
			found.look, found.config, found.platform = nil, id, said.or(p)
			switch {
			case is("absent"):
				found.broken = fmt.Errorf("its manifest: %w", fs.ErrNotExist)
			case is("chart"):
				found.artifact = "a Helm chart"
			}
			return []candidate{found}, nil
		}
		c.open = func(context.Context) (*Image, error) {
			*opened = append(*opened, "open "+c.digest)
			im := &Image{Digest: c.digest}
			im.setPlatform(said.or(p))
			switch {
			case is("absent"):
				return nil, fmt.Errorf("its manifest: %w", fs.ErrNotExist)
			case is("chart"):
				return nil, &artifactError{"a Helm chart"}
			case is("partial"):
				im.Layers = []*Layer{{Err: fs.ErrNotExist}}
			}
			return im, nil
		}
		out = append(out, c)
	}
	return out
}

func TestChoose(t *testing.T) {
	host := hostPlatform().String()
	type list = []string
	for _, c := range []struct {
		name          string
		have          list
		tag, platform string
		want          string // the image's place, or part of the error
	}{
		{"the host's", list{"| linux/s390x", "| " + host}, "", "", "01"},
		{"linux even elsewhere", list{"| windows/" + hostPlatform().arch, "| " + host}, "", "", "01"},
		{"the only one", list{"| linux/s390x"}, "", "", "00"},
		{"the only one that is here", list{"| linux/s390x", "| linux/mips absent"}, "", "", "00"},
		{"the only one with all its layers", list{"| linux/s390x", "| " + host + " partial"}, "", "", "00"},
		{"the host's, in part", list{"| linux/s390x partial", "| " + host + " partial"}, "", "", "01"},
		{"the only one, in part", list{"| linux/s390x partial", "| linux/mips absent"}, "", "", "00"},
		{"asked for", list{"| linux/s390x", "| " + host}, "", "linux/s390x", "00"},
		{"asked for, in part", list{"| linux/s390x partial", "| " + host}, "", "linux/s390x", "00"},
		{"asked for by another name", list{"| " + host, "| linux/arm64"}, "", "linux/aarch64", "01"},
		{"v8 says nothing", list{"| linux/s390x", "| linux/arm64/v8"}, "", "linux/arm64", "01"},
		{"a variant asked for", list{"| linux/arm/v6", "| linux/arm/v7"}, "", "linux/arm/v6", "00"},
		{"the highest variant", list{"| linux/arm/v6", "| linux/arm/v7", "| linux/arm/v5"}, "", "linux/arm", "01"},
		{"rather no variant", list{"| linux/arm/v7", "| linux/arm"}, "", "linux/arm", "01"},
		{"the first of those alike", list{"| linux/s390x", "| linux/mips", "| linux/mips"}, "", "linux/mips", "01"},
		{"the first of those alike that is here", list{"| linux/mips absent", "| linux/mips"}, "", "linux/mips", "01"},
		{"a version asked for", list{"| windows/amd64:10.0.17763.6054", "| windows/amd64:10.0.20348.2582"}, "", "windows/amd64:10.0.20348", "01"},
		{"no version asked for", list{"| windows/amd64:10.0.17763.6054", "| windows/amd64:10.0.20348.2582"}, "", "windows/amd64", "00"},
		{"a version as containerd writes it", list{"| windows/amd64:10.0.17763.6054", "| windows/amd64:10.0.20348.2582"}, "", "windows(10.0.20348.2582)/amd64", "01"},
		{"a version that is no beginning", list{"| windows/amd64:10.0.20348.2582"}, "", "windows/amd64:10.0.2034", "windows/amd64:10.0.20348.2582"},
		{"a feature asked for", list{"| windows/amd64:10.0.17763", "| windows/amd64:10.0.17763+win32k"}, "", "windows/amd64:+win32k", "01"},
		{"a version that the config tells", list{"| windows/amd64:10.0.17763 silent", "| windows/amd64:10.0.20348 silent"}, "", "windows/amd64:10.0.20348", "01"},
		{"a platform that the config tells", list{"| linux/s390x silent", "| linux/mips silent"}, "", "linux/mips", "01"},
		{"none fits", list{"| linux/s390x", "| linux/mips"}, "", "", "choose a platform:\n  app.tar --platform linux/s390x (sha256:00)"},
		{"none fits, of one name", list{"app:1 linux/s390x", "app:1 linux/mips"}, "", "", "app.tar --platform linux/mips"},
		{"not there", list{"| linux/s390x"}, "", "linux/mips", "does not exist for linux/mips, only for:\n  app.tar --platform linux/s390x"},
		{"listed but absent", list{"| linux/s390x", "| linux/mips absent"}, "", "linux/mips", "linux/mips is listed, but not all of it is here: its manifest"},
		{"the only one is absent", list{"| linux/mips absent"}, "", "", "its manifest"},
		{"not a platform", list{"| " + host}, "", "amd64", "os/architecture"},
		{"an empty part", list{"| " + host}, "", "linux/", "empty"},

		{"whole reference", list{"app:1 linux/mips", "localhost:5000/app:2 linux/mips"}, "app:1", "", "00"},
		{"reference written out", list{"app:1 linux/mips", "localhost:5000/app:2 linux/mips"}, "docker.io/library/app:1", "", "00"},
		{"the tag alone", list{"app:1 linux/mips", "localhost:5000/app:2 linux/mips"}, "2", "", "01"},
		{"by digest", list{"app:1 linux/mips", "- linux/mips"}, "sha256:01", "", "01"},
		{"by place", list{"app:1 linux/mips", "- linux/mips"}, "@1", "", "01"},
		{"by place, images alone counted", list{"- linux/mips chart silent", "app:1 linux/mips", "- linux/mips"}, "@1", "", "02"},
		{"a place that is not there", list{"app:1 linux/mips"}, "@3", "", "no image @3"},
		{"none of that name", list{"app:1 linux/mips"}, "app:3", "", `no image "app:3"; there are:` + "\n  app.tar:app:1 (linux/mips)"},
		{"nothing said", list{"app:1 linux/mips", "other:1 linux/mips"}, "", "", "several images; open one of them:\n  app.tar:app:1 (linux/mips)\n  app.tar:other:1 (linux/mips)"},
		{"nothing said, and no names", list{"- linux/mips", "- linux/mips"}, "", "", "app.tar:@0 (linux/mips, sha256:00)\n  app.tar:@1 (linux/mips, sha256:01)"},
		{"one name twice", list{"app:1 linux/mips", "app:1 linux/mips"}, "", "", "app.tar:@0 (linux/mips)\n  app.tar:@1 (linux/mips)"},
		{"no names, but one config", list{"- linux/mips", "- linux/mips same"}, "", "", "00"},
		{"no names, but other platforms", list{"- linux/mips", "- linux/s390x"}, "", "linux/s390x", "01"},
		{"a name that a shell would read", list{"$(x) linux/mips", "other:1 linux/mips"}, "", "", "app.tar:@0 (linux/mips)"},
		{"an image and what was left behind of another", list{"app:1 linux/mips", "- linux/mips absent"}, "", "", "00"},
		{"an image and a chart", list{"- linux/mips chart silent", "- linux/mips"}, "", "", "01"},
		{"a chart", list{"- linux/mips chart silent"}, "", "", "it is a Helm chart"},
		{"a chart asked for", list{"app:1 linux/mips", "chart:1 linux/mips chart silent"}, "chart:1", "", "a Helm chart"},
		{"nothing", nil, "", "", "lists no image"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var opened []string
			im, err := choice{ref: "app.tar", tag: c.tag, platform: c.platform}.choose(t.Context(), listedAs(t, &opened, c.have...))
			if err != nil {
				if text := strings.ReplaceAll(err.Error(), "  (", " ("); !strings.Contains(text, c.want) {
					t.Errorf("got error %q, want one that says %q", text, c.want)
				}
			} else if im.Digest != "sha256:"+c.want {
				t.Errorf("opened %s, want %s", im.Digest, c.want)
			}
		})
	}
}

// TestChooseAsksLittle checks that images aren't opened to learn what the index already says.
func TestChooseAsksLittle(t *testing.T) {
	for _, c := range []struct {
		name          string
		have          []string
		tag, platform string
		want          string
	}{
		{"the only one", []string{"- linux/mips silent"}, "", "", "open sha256:00"},
		{"one platform of several", []string{"| linux/mips", "| linux/s390x", "| linux/riscv64"}, "", "linux/s390x", "open sha256:01"},
		{"one tag of several", []string{"a:1 linux/mips", "a:2 linux/mips", "a:3 linux/mips"}, "2", "", "open sha256:01"},
		{"only those that say nothing", []string{"| linux/mips", "| linux/s390x silent"}, "", "linux/mips", "look sha256:01, open sha256:00"},
		{"not those of another architecture", []string{"| linux/mips", "| windows/amd64"}, "", "windows/amd64:10.0", "look sha256:01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var opened []string
			_, err := choice{ref: "app.tar", tag: c.tag, platform: c.platform}.choose(t.Context(), listedAs(t, &opened, c.have...))
			if err != nil && !errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
			if got := strings.Join(opened, ", "); got != c.want {
				t.Errorf("asked %q, want %q", got, c.want)
			}
		})
	}
}
