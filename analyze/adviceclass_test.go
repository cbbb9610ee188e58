package analyze_test

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// TestClasses checks how a deleted path is classified, by the ID of its finding. "" stands for
// a path of no known class.
func TestClasses(t *testing.T) {
	for name, want := range map[string]string{
		"var/lib/apt/lists/partial/x":                     "apt-lists",
		"var/cache/apt/archives/a.deb":                    "apt-cache",
		"var/cache/apk/APKINDEX":                          "apk-cache",
		"var/cache/dnf/x/repodata":                        "dnf-cache",
		"var/cache/zypp/x":                                "zypper-cache",
		"var/cache/pacman/pkg/x":                          "pacman-cache",
		"root/.cache/pip/http/x":                          "pip-cache",
		"home/app/.cache/pip/http/x":                      "pip-cache",
		".cache/pip/x":                                    "pip-cache",
		"root/.cache/uv/x":                                "python-cache",
		"opt/conda/pkgs/x":                                "conda-cache",
		"root/.npm/_cacache/x":                            "npm-cache",
		"usr/local/share/.cache/yarn/x":                   "yarn-cache",
		"root/.pnpm-store/x":                              "pnpm-store",
		"srv/node_modules/.cache/x":                       "node-cache",
		"srv/modules/.cache/x":                            "",
		"root/.cache/go-build/x":                          "go-cache",
		"go/pkg/mod/x":                                    "go-cache",
		"usr/local/cargo/registry/x":                      "cargo-cache",
		"root/.m2/repository/x":                           "java-cache",
		"usr/local/lib/ruby/gems/3.3.0/cache/x":           "gem-cache",
		"usr/local/lib/ruby/gems/3.3.0/gems/x":            "",
		"root/.composer/cache/x":                          "composer-cache",
		"root/.nuget/packages/x":                          "nuget-cache",
		"srv/.git/objects/x":                              "git",
		"srv/.git":                                        "", // a file: of a worktree or a submodule
		"usr/share/doc/x/copyright":                       "docs",
		"usr/share/locale/de/x.mo":                        "docs",
		"usr/share/docs/x":                                "",
		"srv/__pycache__/x.pyc":                           "bytecode",
		"srv/x.pyc":                                       "bytecode",
		"srv/x-1.0-py3-none-any.whl":                      "package-files",
		"srv/x.tar.gz":                                    "archives",
		"srv/x.gz":                                        "",
		".zip":                                            "",
		"var/lib/dpkg/info/x.list":                        "package-database",
		"var/log/x":                                       "logs",
		"tmp/x":                                           "temporary",
		"srv/tmp/x":                                       "",
		"usr/lib/python3/dist-packages/x/__pycache__/x.y": "bytecode",
	} {
		text := fmt.Sprintf("-- image fixture:1 linux/amd64 --\nstep \"FROM x\"\nstep \"RUN make\"\nstep \"RUN rm\"\n-- layer --\nfile base 1\n-- layer --\nfile %s 10\n-- layer --\nfile %s\n",
			name, path.Join(path.Dir(name), ".wh."+path.Base(name)))
		found := adviceOn(t, text, "docker-20", analyze.AdviceOptions{})
		if len(found) != 1 {
			t.Errorf("%s: %d findings", name, len(found))
			continue
		}
		got := strings.TrimSuffix(strings.TrimPrefix(found[0].ID, "waste/removed/"), "RUN rm")
		if got = strings.TrimSuffix(got, "/"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestPlace checks that a finding's path is the longest one that covers most of the bytes.
func TestPlace(t *testing.T) {
	for _, c := range []struct{ name, files, want string }{
		{"one file", "a/b/c 10", "/a/b/c"},
		{"one directory", "a/b/c 10, a/b/d 10", "/a/b"},
		{"several directories", "a/b/c 10, a/d/e 10", "/a"},
		{"nothing in common", "a/b 10, c/d 10", ""},
		{"a small one elsewhere", "a/b/c 500, a/b/d 480, e 20", "/a/b"},
		{"too large a one elsewhere", "a/b/c 500, a/b/d 300, e 200", ""},
		{"a file with nearly all: its directory", "a/b/c 990, a/d/e 10", "/a/b"},
		{"a file that is a prefix of another's name", "a/b 10, a/bc 10", "/a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			made, gone := "", ""
			for file := range strings.SplitSeq(c.files, ", ") {
				made += "file " + file + "\n"
				name, _, _ := strings.Cut(file, " ")
				gone += "file " + path.Join(path.Dir(name), ".wh."+path.Base(name)) + "\n"
			}
			found := adviceOn(t, "-- image fixture:1 linux/amd64 --\n-- layer --\nfile base 1\n-- layer --\n"+made+"-- layer --\n"+gone, "docker-20", analyze.AdviceOptions{})
			if len(found) != 1 || found[0].Path != c.want {
				t.Errorf("%+v, want path %q", found, c.want)
			}
		})
	}
}
