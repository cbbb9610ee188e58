package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStoreMatchesEngine compares data read from an engine's files with data that
// the engine sends: the reports must be identical, and so must every file's content.
func TestStoreMatchesEngine(t *testing.T) {
	b := builtImage(t)
	peel := buildProgram(t)
	for _, engine := range []string{"docker", "podman"} {
		t.Run(engine, func(t *testing.T) {
			f := form{name: engine, ref: engine + "://" + b.name}
			report := map[string][]byte{}
			dir := map[string]string{}
			for _, via := range []string{"api", "store"} {
				out, code := peel.run(t, f, "report", "--via", via, "-f", "json", f.ref)
				if code != 0 {
					t.Fatalf("--via %s: got exit code %d", via, code)
				}
				report[via] = out
				dir[via] = t.TempDir()
				if _, code := peel.run(t, f, "extract", "--via", via, f.ref, "/data", "/etc", "-o", dir[via]); code != 0 {
					t.Fatalf("--via %s: extracting: got exit code %d", via, code)
				}
			}
			if !bytes.Equal(report["api"], report["store"]) {
				t.Errorf("the reports differ; by the API:\n%s\nfrom the store:\n%s", report["api"], report["store"])
			}
			want, got := contentsBelow(t, dir["api"]), contentsBelow(t, dir["store"])
			if len(want) == 0 {
				t.Fatal("nothing was extracted")
			}
			for name, content := range want {
				if got[name] != content {
					t.Errorf("%s: content from the store differs", name)
				}
			}
			if len(got) != len(want) {
				t.Errorf("got %d files from the store, %d by the API", len(got), len(want))
			}
		})
	}
}

// TestPodmanStoreWithoutService reads podman's image without a service that answers.
func TestPodmanStoreWithoutService(t *testing.T) {
	b := builtImage(t)
	if _, err := os.Stat("/run/podman/podman.sock"); err == nil {
		t.Skip("a podman service runs on this machine")
	}
	peel := buildProgram(t)
	f := form{name: "podman", ref: "podman://" + b.name}
	want, _ := peel.run(t, f, "report", "--via", "api", "-f", "json", f.ref)
	t.Setenv("CONTAINER_HOST", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	if got, _ := peel.run(t, f, "report", "-f", "json", f.ref); !bytes.Equal(got, want) {
		t.Errorf("without a service: got\n%s\nwant\n%s", got, want)
	}
}

// contentsBelow returns the content of every regular file below dir, by path.
func contentsBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, dir)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
