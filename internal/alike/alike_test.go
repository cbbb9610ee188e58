package alike

import (
	"slices"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	words := []string{"1.10", "1.2", "latest", "2.0"}
	if got := Nearest(words, "1.1", 2); !slices.Equal(got, []string{"1.10", "1.2"}) {
		t.Errorf("got %q", got)
	}
	if got := Nearest(words, "", 9); len(got) != len(words) {
		t.Errorf("got %q, want all", got)
	}
}

func TestMeant(t *testing.T) {
	words := []string{"docker", "podman", "containerd", "container", "dir"}
	for wanted, want := range map[string]string{
		"docker": "docker", "dockr": "docker", "dokcer": "docker", "pdoman": "podman", "contaner": "container",
		"https": "", "": "", "s3": "", "di": "dir", "dri": "dir", strings.Repeat("a", 1<<20): "",
	} {
		if got := Meant(words, wanted); got != want {
			t.Errorf("%.20q: %q, want %q", wanted, got, want)
		}
	}
}
