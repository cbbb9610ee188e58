package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestContainersOfRemappedDocker uses a Docker whose containers run in a user namespace
// (userns-remap). Owners and capabilities in a container's layer must be those of docker
// commit, whether read from files or through the API.
func TestContainersOfRemappedDocker(t *testing.T) {
	needEngines(t)
	if os.Getuid() != 0 {
		t.Skip("only root may start Docker")
	}
	if _, err := exec.LookPath("dockerd"); err != nil {
		t.Fatal("PEEL_INTEGRATION=require, but dockerd isn't installed")
	}
	dir, err := os.MkdirTemp("", "peel-d") // sockets need short paths
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // for the namespace's root user
		t.Fatal(err)
	}
	host := "unix://" + filepath.Join(dir, "d.sock")
	said := startDaemon(t, dir, "dockerd", "--userns-remap=default", "--data-root", filepath.Join(dir, "root"), "--exec-root", filepath.Join(dir, "run"),
		"--pidfile", filepath.Join(dir, "pid"), "--host", host, "--iptables=false", "--ip6tables=false", "--bridge=none")
	t.Setenv("DOCKER_HOST", host)
	for i := 0; ; i++ {
		if _, err := output(t.Context(), "docker", "version"); err == nil {
			break
		}
		if i == 200 {
			t.Fatalf("dockerd doesn't answer:\n%s", said.String())
		}
		time.Sleep(100 * time.Millisecond)
	}
	step := filepath.Join(t.TempDir(), "step")
	goBuild(t, "./step", step)
	for first := 0; first < containerSequences && !t.Failed(); first += sequencesAtOnce["docker"] {
		containerAtRandom(t, "docker", step, first, first+sequencesAtOnce["docker"])
	}
}
