package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/api/types/task"
)

// A ContainerdContainer is a container of containerd.
type ContainerdContainer struct {
	Container // its Driver is the snapshotter; its ImageID is unknown

	Namespace   string
	SnapshotKey string // of its own layer
}

// A ContainerdSnapshot is the place of a container's own layer.
type ContainerdSnapshot struct {
	Parent    string   // the snapshot below: the chain ID of its image's layers, or ""
	UpperDir  string   // of its own layer
	LowerDirs []string // of the layers below, topmost first
}

// Labels with names of containers. Sources: nerdctl, pkg/labels; containerd,
// internal/cri/types/labels.go.
const (
	nerdctlName   = "nerdctl/name"
	podLabel      = "io.kubernetes.pod.name"
	podContainer  = "io.kubernetes.container.name"
	dockersOwn    = "moby" // the namespace of Docker's containers, which Docker lists
	maxContainers = 100_000
)

// Containers lists the containers of a namespace with a layer of their own here, in no particular
// order. It skips Docker's containers, which Docker lists itself. sized measures their layers,
// for which containerd walks each of them.
func (c *Containerd) Containers(ctx context.Context, namespace string, sized bool) ([]ContainerdContainer, error) {
	if namespace == dockersOwn {
		return nil, nil
	}
	limited, cancel := within(in(ctx, namespace), c.limits.call)
	defer cancel()
	answer, err := containersapi.NewContainersClient(c.conn).List(limited, &containersapi.ListContainersRequest{})
	if err != nil {
		return nil, c.fail("namespace "+namespace, unanswered(limited, err))
	}
	states := c.states(limited)
	var out []ContainerdContainer
	for _, is := range answer.GetContainers() {
		if is.GetSnapshotKey() == "" || len(out) == maxContainers {
			continue
		}
		found := ContainerdContainer{
			Container: Container{
				ID: is.GetID(), Name: containerdsName(is.GetID(), is.GetLabels()), Image: is.GetImage(),
				State: states[is.GetID()], Driver: is.GetSnapshotter(), Size: -1,
			},
			Namespace: namespace, SnapshotKey: is.GetSnapshotKey(),
		}
		if found.State == "" {
			found.State = "stopped"
		}
		if t := is.GetCreatedAt(); t.IsValid() && t.AsTime().Unix() > 0 {
			found.Created = t.AsTime()
		}
		found.Command, found.Mounts = specified(is.GetSpec().GetValue())
		out = append(out, found)
	}
	if sized {
		c.measure(ctx, out)
	}
	return out, nil
}

// containerdsName returns a container's name from its labels; else its ID if that is a name, as
// with ctr; else "". For Kubernetes it is the pod and the container's name: "POD/NAME".
func containerdsName(id string, labels map[string]string) string {
	if name := labels[nerdctlName]; name != "" {
		return name
	}
	pod, name := labels[podLabel], labels[podContainer]
	switch {
	case pod != "" && name != "":
		return pod + "/" + name
	case len(id) == 64 && strings.Trim(id, "0123456789abcdef") == "":
		return ""
	}
	return id
}

// states returns the states of containers with a process, by ID. On failure they are unknown,
// which is not an error.
func (c *Containerd) states(ctx context.Context) map[string]string {
	out := map[string]string{}
	answer, err := tasksapi.NewTasksClient(c.conn).List(ctx, &tasksapi.ListTasksRequest{})
	if err != nil {
		return out
	}
	for _, t := range answer.GetTasks() {
		// containerd uses the container's ID for the task's first process.
		out[t.GetID()] = map[task.Status]string{
			task.Status_CREATED: "created", task.Status_RUNNING: "running", task.Status_STOPPED: "exited",
			task.Status_PAUSED: "paused", task.Status_PAUSING: "paused",
		}[t.GetStatus()]
	}
	return out
}

// measure asks for the sizes of containers' own layers.
func (c *Containerd) measure(ctx context.Context, all []ContainerdContainer) {
	client := snapshotsapi.NewSnapshotsClient(c.conn)
	for i := range all {
		limited, cancel := within(in(ctx, all[i].Namespace), c.limits.call)
		answer, err := client.Usage(limited, &snapshotsapi.UsageRequest{Snapshotter: all[i].Driver, Key: all[i].SnapshotKey})
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err == nil && answer.GetSize() >= 0 {
			all[i].Size = answer.GetSize()
		}
	}
}

// maxSpec is the maximum size of a container's specification, in bytes.
const maxSpec = 4 << 20

// specified returns the command and the mounts in a container's specification, if readable.
// Source: OCI runtime-spec, config.md.
func specified(text []byte) (command []string, mounts []Mount) {
	var spec struct {
		Process struct{ Args []string }
		Mounts  []struct{ Destination, Type, Source string }
	}
	if len(text) > maxSpec || json.Unmarshal(text, &spec) != nil {
		return nil, nil
	}
	for _, m := range spec.Mounts {
		switch {
		case m.Type == "bind", m.Type == "none" && m.Source != "":
			mounts = append(mounts, Mount{Path: m.Destination, Kind: "bind", Source: m.Source})
		case m.Type == "tmpfs" && m.Destination != "/dev" && m.Destination != "/run":
			mounts = append(mounts, Mount{Path: m.Destination, Kind: "tmpfs"})
		}
	}
	return spec.Process.Args, mounts
}

// Snapshot returns the place of a container's own layer: what containerd would mount. It mounts
// nothing.
func (c *Containerd) Snapshot(ctx context.Context, of *ContainerdContainer) (s ContainerdSnapshot, err error) {
	ctx, cancel := within(in(ctx, of.Namespace), c.limits.call)
	defer cancel()
	client := snapshotsapi.NewSnapshotsClient(c.conn)
	stat, err := client.Stat(ctx, &snapshotsapi.StatSnapshotRequest{Snapshotter: of.Driver, Key: of.SnapshotKey})
	if err != nil {
		return s, c.fail("snapshot "+of.SnapshotKey, unanswered(ctx, err))
	}
	s.Parent = stat.GetInfo().GetParent()
	if stat.GetInfo().GetKind() != snapshotsapi.Kind_ACTIVE {
		return s, c.fail("snapshot "+of.SnapshotKey, errors.New("it is not the layer of a container"))
	}
	if !slices.Contains(upperSnapshotters, of.Driver) {
		return s, fmt.Errorf("the folders of the snapshotter %q are not read, only those of %s", of.Driver, strings.Join(upperSnapshotters, " and "))
	}
	answer, err := client.Mounts(ctx, &snapshotsapi.MountsRequest{Snapshotter: of.Driver, Key: of.SnapshotKey})
	if err != nil {
		return s, c.fail("snapshot "+of.SnapshotKey, unanswered(ctx, err))
	}
	mounts := answer.GetMounts()
	if len(mounts) != 1 {
		return s, c.fail("snapshot "+of.SnapshotKey, fmt.Errorf("it takes %d mounts", len(mounts)))
	}
	m := mounts[0]
	if m.GetType() == "bind" { // nothing below it
		s.UpperDir = c.here(m.GetSource())
	}
	for _, o := range m.GetOptions() {
		if dir, ok := strings.CutPrefix(o, "upperdir="); ok {
			s.UpperDir = c.here(dir)
		}
		if dirs, ok := strings.CutPrefix(o, "lowerdir="); ok {
			for dir := range strings.SplitSeq(dirs, ":") {
				s.LowerDirs = append(s.LowerDirs, c.here(dir))
			}
		}
	}
	if s.UpperDir == "" {
		return s, c.fail("snapshot "+of.SnapshotKey, errors.New("containerd does not say where its files are"))
	}
	return s, nil
}
