package integration

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSquashedImagesLoad squashes the image from each of its forms, loads the results into both
// engines, runs them, and compares what the engines export with an export of the original.
func TestSquashedImagesLoad(t *testing.T) {
	b := builtImage(t)
	peel := buildProgram(t)
	for _, engine := range []string{"docker", "podman"} {
		t.Run(engine, func(t *testing.T) {
			want := exportOf(t, engine, b.name)
			name := "peel-integration-squashed:" + engine
			file := filepath.Join(t.TempDir(), "squashed.tar")
			for _, f := range b.forms {
				if f.stdin != "" {
					continue
				}
				if _, code := peel.run(t, f, "squash", f.ref, "--base", "0", "--name", name, "--force", "-o", file); code != 0 {
					t.Fatalf("%s: exit code %d", f.name, code)
				}
				run(t, engine, "load", "-i", file)
				if got := exportOf(t, engine, name); got != want {
					t.Errorf("%s: exported\n%s\nwant\n%s", f.name, got, want)
				}
				// Set limits that any machine grants: podman asks for more by default.
				run(t, engine, "run", "--rm", "--network", "none", "--ulimit", "nofile=512:512", "--ulimit", "nproc=512:512", name, "/step", "write /proof 10 1")
				run(t, engine, "rmi", "-f", name)
			}
		})
	}
}

// exportOf lists what an engine exports from a container of an image, with checksums of
// contents.
func exportOf(t *testing.T, engine, image string) string {
	t.Helper()
	id := strings.TrimSpace(run(t, engine, "create", image, "/step"))
	defer run(t, engine, "rm", id)
	file := filepath.Join(t.TempDir(), "export.tar")
	run(t, engine, "export", "-o", file, id)
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "tar", "-C", dir, "--xattrs", "--xattrs-include=*", "-xpf", file).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	return run(t, "sh", "-c", `cd "$1" && find . -mindepth 1 ! -path './dev*' ! -path './proc*' ! -path './sys*' ! -path './run*' ! -path './etc' ! -path './etc/host*' ! -path './etc/resolv.conf' ! -path './etc/mtab' ! -name .dockerenv -printf '%p %y %m %U:%G %T@ %s %l %n\n' | sort
find . -type f ! -path './etc/host*' ! -path './etc/resolv.conf' ! -name .dockerenv -exec sha256sum {} + | sort -k2
getcap -r . 2>/dev/null | sort`, "sh", dir)
}
