package kubernetes

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests need containerd, runc, the CNI plugins, docker-registry, skopeo, and:
//
//	PEEL_KUBEBOX=FILE     etcd, Kubernetes and kubectl in one program: testdata/kubebox
//	PEEL_VERSITYGW=FILE   the object store
const (
	envKubebox   = "PEEL_KUBEBOX"
	envVersitygw = "PEEL_VERSITYGW"
)

// nodeIP is the node's address, at which pods reach the services beside them.
const nodeIP = "10.99.0.1"

// TestMain runs the gate if the test program was started as one.
func TestMain(m *testing.M) {
	if os.Getenv(envGate) != "" {
		runGate()
		return
	}
	os.Exit(m.Run())
}

// cluster is a running Kubernetes.
type cluster struct {
	t   *testing.T
	dir string
	pid int // process 1 in its namespaces
}

// start builds peel's image and starts a cluster with it, which stops at the end of the test.
func start(t *testing.T) *cluster {
	t.Helper()
	kubebox := os.Getenv(envKubebox)
	if kubebox == "" {
		t.Skipf("runs a Kubernetes: set %s and %s to run it", envKubebox, envVersitygw)
	}
	if os.Getuid() != 0 {
		t.Fatal("needs root to make namespaces, mounts and control groups")
	}
	for _, program := range []string{"containerd", "ctr", "runc", "docker-registry", "skopeo", "unshare", "nsenter", "ip", "openssl", os.Getenv(envVersitygw)} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("no program %q: %v", program, err)
		}
	}
	dir, err := os.MkdirTemp("", "peel-kube-") // sockets in it need short paths
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, dir: dir}
	t.Cleanup(c.stop)
	for _, d := range []string{"bin", "img"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(kubebox, c.path("bin/kubebox")); err != nil {
		t.Fatal(err)
	}
	c.build(c.path("bin/peel"), "../..")
	c.build(c.path("bin/pause"), "./testdata/pause")
	c.image("localhost/peel:1", "peel")
	c.image("localhost/pause:1", "pause")
	up, err := filepath.Abs("testdata/up.sh")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("bash", up)
	command.Env = append(os.Environ(), "K="+dir)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("the cluster doesn't start: %v\n%s", err, out)
	}
	unshare, err := os.ReadFile(c.path("run/unshare.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := exec.Command("pgrep", "-P", strings.TrimSpace(string(unshare))).Output()
	if err == nil {
		c.pid, err = strconv.Atoi(strings.Fields(string(first))[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

// stop ends the cluster and removes its files.
func (c *cluster) stop() {
	if text, err := os.ReadFile(c.path("run/unshare.pid")); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			for range 100 {
				if syscall.Kill(pid, 0) != nil {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
	}
	groups, _ := filepath.Glob("/sys/fs/cgroup/*/k8s.io")
	for _, g := range append(groups, "/sys/fs/cgroup/k8s.io") {
		_ = exec.Command("find", g, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";").Run()
	}
	if c.t.Failed() {
		for _, name := range []string{"inner.log", "kubelet.log", "kcm.log"} {
			if out, err := exec.Command("tail", "-n", "15", c.path("log/"+name)).Output(); err == nil {
				c.t.Logf("%s:\n%s", name, out)
			}
		}
	}
	for range 20 { // a mount is released shortly after its process ends
		if os.RemoveAll(c.dir) == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.t.Errorf("cannot remove %s", c.dir)
}

// build builds a static program.
func (c *cluster) build(out, pkg string) {
	c.t.Helper()
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", out, pkg)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		c.t.Fatalf("go build: %v\n%s", err, text)
	}
}

// image writes a docker archive with one program, which is its entrypoint.
func (c *cluster) image(name, program string) {
	c.t.Helper()
	content, err := os.ReadFile(c.path("bin/" + program))
	if err != nil {
		c.t.Fatal(err)
	}
	layer := tarOf(c.t, []tarFile{{name: "tmp/", mode: 0o1777}, {name: program, mode: 0o755, content: content}})
	sum := sha256.Sum256(layer)
	config := fmt.Appendf(nil, `{"architecture":%q,"os":"linux","config":{"Entrypoint":["/%s"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}`, goarch(c.t), program, hex.EncodeToString(sum[:]))
	manifest := fmt.Appendf(nil, `[{"Config":"config.json","RepoTags":[%q],"Layers":["layer.tar"]}]`, name)
	archive := tarOf(c.t, []tarFile{{"manifest.json", 0o644, manifest}, {"config.json", 0o644, config}, {"layer.tar", 0o644, layer}})
	if err := os.WriteFile(c.path("img/"+program+".tar"), archive, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func goarch(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOARCH").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

type tarFile struct {
	name    string // a directory ends in a slash
	mode    int64
	content []byte
}

func tarOf(t *testing.T, files []tarFile) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content)), ModTime: time.Unix(1_700_000_000, 0), Format: tar.FormatPAX}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// command returns a command inside the cluster's namespaces, with the cluster's kubectl.
func (c *cluster) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{"-t", strconv.Itoa(c.pid), "-m", "-n", "-p", "--"}, args...)
	command := exec.CommandContext(ctx, "nsenter", args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+c.path("run/admin.kubeconfig"))
	return command
}

// run runs a command inside the cluster and returns its standard output.
func (c *cluster) run(stdin string, args ...string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*time.Minute)
	defer cancel()
	command := c.command(ctx, args...)
	command.Stdin = strings.NewReader(stdin)
	var errs bytes.Buffer
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		c.t.Fatalf("%.300q: %v\n%s%s", args, err, out, errs.Bytes())
	}
	return string(out)
}

func (c *cluster) kubectl(stdin string, args ...string) string {
	c.t.Helper()
	return c.run(stdin, append([]string{c.path("bin/kubebox"), "kubectl"}, args...)...)
}

// serve starts a program inside the cluster, which stops with the cluster, and waits until it
// listens.
func (c *cluster) serve(address string, env []string, args ...string) {
	c.t.Helper()
	command := c.command(context.Background(), args...)
	command.Env = append(command.Env, env...)
	log, err := os.Create(c.path("log/" + filepath.Base(args[0]) + "-" + strings.ReplaceAll(address, ":", "-") + ".log"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	host, port, _ := strings.Cut(address, ":")
	for range 200 {
		if c.command(context.Background(), "bash", "-c", "exec 3<>/dev/tcp/"+host+"/"+port).Run() == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(log.Name())
	c.t.Fatalf("%s doesn't listen on %s:\n%s", args[0], address, text)
}

// wait waits until fn returns true.
func (c *cluster) wait(what string, fn func() bool) {
	c.t.Helper()
	for range 1200 {
		if fn() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.t.Fatalf("after two minutes: no %s\n%s", what, c.kubectl("", "get", "pods,jobs", "-A", "-o", "wide"))
}

// objects reads objects of Kubernetes as JSON.
func objects[T any](c *cluster, args ...string) T {
	c.t.Helper()
	var v T
	if err := json.Unmarshal([]byte(c.kubectl("", append(args, "-o", "json")...)), &v); err != nil {
		c.t.Fatal(err)
	}
	return v
}
