package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/redact"
)

// A ContainerdSocket is a possible socket of containerd.
type ContainerdSocket struct {
	Path string // of the unix socket
	From string // its origin, for people: "CONTAINERD_ADDRESS"; "" for a default

	// Below is the folder under which this machine sees this containerd's files; "" if the paths
	// are the same.
	Below string
}

// A ContainerdImage is an image in containerd's metadata.
type ContainerdImage struct {
	Namespace string
	Name      string // as stored: "docker.io/library/app:1", "sha256:..."
	Digest    string // of the index or manifest that the name refers to
	MediaType string
	Size      int64     // bytes of that document
	Created   time.Time // when the name was first stored; zero if unknown
}

// ContainerdRoots are containerd's folders in its own notation; "" if unknown.
type ContainerdRoots struct {
	Content      string            // blobs by digest
	Metadata     string            // database of images
	Snapshotters map[string]string // of each snapshotter, by name: "overlayfs"
}

// containerdAddress is the environment variable for containerd's socket, as for ctr and nerdctl;
// containerdNamespace is the one for the namespace.
const (
	containerdAddress   = "CONTAINERD_ADDRESS"
	containerdNamespace = "CONTAINERD_NAMESPACE"
)

// usualContainerd are the sockets of containerd itself, of k3s and RKE2, of Docker, of k0s, and
// of MicroK8s. A variable for tests.
var usualContainerd = []string{
	"/run/containerd/containerd.sock",
	"/run/k3s/containerd/containerd.sock",
	"/run/docker/containerd/containerd.sock",
	"/run/k0s/containerd.sock",
	"/var/snap/microk8s/common/run/containerd.sock",
}

// ContainerdSockets returns the possible sockets of containerd in order: only
// the one in CONTAINERD_ADDRESS, if set; else the default ones, with those of a
// rootless containerd and of a rootless Docker last. It merges names of the
// same socket.
func ContainerdSockets() ([]ContainerdSocket, error) {
	if raw := os.Getenv(containerdAddress); raw != "" {
		path := strings.TrimPrefix(strings.TrimPrefix(raw, "unix:"), "//")
		if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
			return nil, fmt.Errorf("%s: %q is not the absolute path of a socket", containerdAddress, redact.Text(raw))
		}
		return []ContainerdSocket{{Path: path, From: containerdAddress, Below: processRoot(path)}}, nil
	}
	var out []ContainerdSocket
	if runtime.GOOS == "windows" {
		return out, nil
	}
	for _, path := range usualContainerd {
		out = append(out, ContainerdSocket{Path: path})
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		if pid := rootlessContainerd(dir); pid != 0 {
			root := fmt.Sprintf("/proc/%d/root", pid)
			out = append(out, ContainerdSocket{Path: root + "/run/containerd/containerd.sock", Below: root})
		}
		out = append(out, ContainerdSocket{Path: filepath.Join(dir, "docker/containerd/containerd.sock")})
	}
	return distinct(out), nil
}

// usualContainerdFolders are containerd's default folders in the order of usualContainerd; k3s
// and RKE2 have one each. A variable for tests.
var usualContainerdFolders = []string{
	"/var/lib/containerd",
	"/var/lib/rancher/k3s/agent/containerd",
	"/var/lib/rancher/rke2/agent/containerd",
	"/var/lib/docker/containerd/daemon",
	"/var/lib/k0s/containerd",
	"/var/snap/microk8s/common/var/lib/containerd",
}

// ContainerdFolders returns the folders of a containerd that does not respond, if they contain a
// database: the default folders, then those of a rootless containerd and of a rootless Docker.
func ContainerdFolders() []ContainerdRoots {
	folders := slices.Clone(usualContainerdFolders)
	data := os.Getenv("XDG_DATA_HOME")
	if home, err := os.UserHomeDir(); err == nil && !filepath.IsAbs(data) {
		data = filepath.Join(home, ".local", "share")
	}
	if filepath.IsAbs(data) {
		folders = append(folders, filepath.Join(data, "containerd"), filepath.Join(data, "docker", "containerd", "daemon"))
	}
	var out []ContainerdRoots
	for _, dir := range folders {
		r := rootsBelow(dir)
		if _, err := os.Stat(r.Metadata); err == nil {
			out = append(out, r)
		}
	}
	return out
}

// rootsBelow returns the folders of a containerd with everything below one folder.
func rootsBelow(dir string) ContainerdRoots {
	r := ContainerdRoots{
		Content:      filepath.Join(dir, "io.containerd.content.v1.content"),
		Metadata:     filepath.Join(dir, "io.containerd.metadata.v1.bolt", "meta.db"),
		Snapshotters: map[string]string{},
	}
	for _, name := range []string{"overlayfs", "native", "fuse-overlayfs"} {
		r.Snapshotters[name] = filepath.Join(dir, "io.containerd.snapshotter.v1."+name)
	}
	return r
}

// ContainerdChosen returns the environment variable that names containerd's socket, for people;
// or "".
func ContainerdChosen() string {
	if os.Getenv(containerdAddress) != "" {
		return containerdAddress
	}
	return ""
}

// ContainerdNamespace returns the namespace from the environment, or "".
func ContainerdNamespace() string { return os.Getenv(containerdNamespace) }

// processRoot returns the root folder of the process in a path: "/proc/42/root" for
// "/proc/42/root/run/containerd.sock"; "" for other paths.
func processRoot(path string) string {
	parts := strings.SplitN(path, "/", 5)
	if len(parts) < 5 || parts[1] != "proc" || parts[3] != "root" {
		return ""
	}
	if _, err := strconv.Atoi(parts[2]); err != nil {
		return ""
	}
	return strings.Join(parts[:4], "/")
}

// rootlessContainerd returns the process in whose mount namespace a rootless containerd runs, as
// recorded by rootlesskit, or 0. Source: nerdctl, pkg/rootlessutil/parent_linux.go.
func rootlessContainerd(runtimeDir string) int {
	text, err := os.ReadFile(filepath.Join(runtimeDir, "containerd-rootless", "child_pid"))
	if err != nil || len(text) > 20 {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 0 {
		return 0
	}
	return pid
}

// distinct removes sockets that occur under an earlier name.
func distinct(sockets []ContainerdSocket) []ContainerdSocket {
	var out []ContainerdSocket
	var seen []fs.FileInfo
next:
	for _, s := range sockets {
		info, err := os.Stat(s.Path)
		if err == nil {
			for _, other := range seen {
				if os.SameFile(info, other) {
					continue next
				}
			}
			seen = append(seen, info)
		}
		out = append(out, s)
	}
	return out
}

// Containerds connects to every containerd that responds, in the order of
// ContainerdSockets; the caller closes them. log may be nil. The error names
// those that exist but do not respond, and why. If none responds, it names each
// one tried, and is ErrNoEngine if none seems to exist or be accessible to this
// user.
func Containerds(ctx context.Context, log *slog.Logger) ([]*Containerd, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	sockets, err := ContainerdSockets()
	if err != nil {
		return nil, &SettingsError{Kind: containerdKind, Err: err}
	}
	var out []*Containerd
	var absent, failed []error
	usable := false // one may exist for this user
	for _, s := range sockets {
		c, err := dialContainerd(ctx, s)
		switch {
		case err == nil:
			log.Debug("engine answers", "engine", containerdKind, "host", s.Path, "from", s.From)
			out = append(out, c)
			continue
		case s.From == "" && errors.Is(err, fs.ErrNotExist):
			absent = append(absent, err)
		default:
			failed = append(failed, err)
			usable = usable || s.From != "" || !errors.Is(err, fs.ErrPermission)
		}
		log.Debug("engine does not answer", "engine", containerdKind, "host", s.Path, "from", s.From, "error", err)
		if ctx.Err() != nil {
			break
		}
	}
	switch {
	case len(out) > 0 && len(failed) == 0:
		return out, nil
	case len(out) > 0 || len(failed) > 0 && usable:
		return out, joined(failed)
	case len(failed) > 0:
		return nil, &noEngineError{joined(failed)}
	}
	return nil, &noEngineError{noContainerd(absent, sockets)}
}

// noContainerd says where no containerd was found.
func noContainerd(absent []error, sockets []ContainerdSocket) error {
	if len(absent) == 0 {
		return errors.New("containerd does not run on this system")
	}
	paths := make([]string, len(sockets))
	for i, s := range sockets {
		paths[i] = s.Path
	}
	return errors.New(clean.Line("containerd: no socket found (tried " + strings.Join(paths, ", ") + "); " + startIt(containerdKind)))
}

// joined joins several errors in one line.
func joined(errs []error) error {
	var out error
	for _, err := range errs {
		if out == nil {
			out = err
		} else {
			out = fmt.Errorf("%w; %w", out, err)
		}
	}
	return out
}
