package engine

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestPodmanStore checks where podman's store is, for root and for other users. Podman reads
// one storage.conf; from the system's file, other users take only the settings meant for them.
func TestPodmanStore(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("podman runs in a virtual machine on this system")
	}
	const own = ".config/containers/storage.conf"
	tests := []struct {
		name  string
		root  bool
		env   map[string]string // "~" stands for the home directory
		files map[string]string // "etc" is the system's storage.conf
		want  string
		err   []string
	}{
		{name: "root", root: true, want: "/var/lib/containers/storage"},
		{name: "root, as the system says", root: true, files: map[string]string{"etc": "[storage]\ngraphroot = '/big'\n"}, want: "/big"},
		{name: "root, the home does not count", root: true, files: map[string]string{own: "[storage]\ngraphroot = '/mine'\n"}, want: "/var/lib/containers/storage"},
		{name: "another user", want: "~/.local/share/containers/storage"},
		{name: "data home", env: map[string]string{"XDG_DATA_HOME": "~/data"}, want: "~/data/containers/storage"},
		{name: "own settings", files: map[string]string{own: "storage.graphroot = \"/mine\""}, want: "/mine"},
		{name: "with variables", files: map[string]string{own: "[storage]\ngraphroot = \"$HOME/store/${UID}\""}, want: "~/store/UID"},
		{name: "the system's graphroot is root's", files: map[string]string{"etc": "[storage]\ngraphroot = '/big'\n"}, want: "~/.local/share/containers/storage"},
		{name: "the system's for all", files: map[string]string{"etc": "[storage]\ngraphroot = '/big'\nrootless_storage_path = '/users/$UID'\n"}, want: "/users/UID"},
		{name: "own settings hide the system's", files: map[string]string{own: "[storage]\ndriver = 'overlay'\n", "etc": "[storage]\nrootless_storage_path = '/users'\n"}, want: "~/.local/share/containers/storage"},
		{name: "named", root: true, env: map[string]string{"CONTAINERS_STORAGE_CONF": "~/s.conf"}, files: map[string]string{"s.conf": "[storage]\ngraphroot = '/there'"}, want: "/there"},
		{name: "a relative folder", files: map[string]string{own: "[storage]\ngraphroot = 'here'"}, want: "~/.local/share/containers/storage"},
		{name: "malformed", files: map[string]string{own: "[storage]\n\ngraphroot = "}, err: []string{"storage.conf, line 3: "}},
		{name: "of another type", files: map[string]string{own: "[storage]\ngraphroot = ['/x']"}, err: []string{"storage.conf, line 2: "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			home := testkit.NoEngines(t)
			t.Setenv("CONTAINERS_STORAGE_CONF", "")
			t.Setenv("XDG_DATA_HOME", "")
			testkit.WriteFiles(t, home, tt.files)
			for name, value := range tt.env {
				t.Setenv(name, strings.Replace(value, "~", home, 1))
			}
			got, err := podmanStore(tt.root, []string{filepath.Join(home, "etc"), filepath.Join(home, "none")})
			testkit.WantError(t, err, tt.err...)
			want := strings.NewReplacer("~", home, "UID", strconv.Itoa(os.Getuid())).Replace(tt.want)
			if got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}
