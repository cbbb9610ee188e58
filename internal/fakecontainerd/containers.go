package fakecontainerd

import (
	"context"
	"fmt"
	"strings"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/api/types/task"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A Container is a container that the API lists.
type Container struct {
	*containersapi.Container
	Namespace string
	Running   bool

	Parent string   // the snapshot below its own
	Upper  string   // folder of its own files
	Lower  []string // lower folders, topmost first
}

// register registers the server's container services.
func (c *Containerd) register(s *grpc.Server) {
	containersapi.RegisterContainersServer(s, containers{c: c})
	tasksapi.RegisterTasksServer(s, tasks{c: c})
	snapshotsapi.RegisterSnapshotsServer(s, snapshots{c: c})
}

type containers struct {
	containersapi.UnimplementedContainersServer
	c *Containerd
}

func (s containers) List(ctx context.Context, _ *containersapi.ListContainersRequest) (*containersapi.ListContainersResponse, error) {
	r := &containersapi.ListContainersResponse{}
	for _, is := range s.c.Containers {
		if is.Namespace == namespaceOf(ctx) {
			r.Containers = append(r.Containers, is.Container)
		}
	}
	return r, nil
}

type tasks struct {
	tasksapi.UnimplementedTasksServer
	c *Containerd
}

func (s tasks) List(ctx context.Context, _ *tasksapi.ListTasksRequest) (*tasksapi.ListTasksResponse, error) {
	r := &tasksapi.ListTasksResponse{}
	for _, is := range s.c.Containers {
		if is.Namespace == namespaceOf(ctx) && is.Running {
			r.Tasks = append(r.Tasks, &task.Process{ID: is.ID, Status: task.Status_RUNNING})
		}
	}
	return r, nil
}

type snapshots struct {
	snapshotsapi.UnimplementedSnapshotsServer
	c *Containerd
}

func (s snapshots) of(ctx context.Context, snapshotter, key string) (*Container, error) {
	for i := range s.c.Containers {
		is := &s.c.Containers[i]
		if is.Namespace == namespaceOf(ctx) && is.GetSnapshotter() == snapshotter && is.GetSnapshotKey() == key {
			return is, nil
		}
	}
	return nil, status.Error(codes.NotFound, fmt.Sprintf("snapshot %s does not exist: not found", key))
}

func (s snapshots) Stat(ctx context.Context, r *snapshotsapi.StatSnapshotRequest) (*snapshotsapi.StatSnapshotResponse, error) {
	is, err := s.of(ctx, r.GetSnapshotter(), r.GetKey())
	if err != nil {
		return nil, err
	}
	return &snapshotsapi.StatSnapshotResponse{Info: &snapshotsapi.Info{Name: r.GetKey(), Parent: is.Parent, Kind: snapshotsapi.Kind_ACTIVE}}, nil
}

func (s snapshots) Mounts(ctx context.Context, r *snapshotsapi.MountsRequest) (*snapshotsapi.MountsResponse, error) {
	is, err := s.of(ctx, r.GetSnapshotter(), r.GetKey())
	if err != nil {
		return nil, err
	}
	m := &types.Mount{Type: "overlay", Source: "overlay", Options: []string{"index=off", "workdir=/w", "upperdir=" + is.Upper, "lowerdir=" + strings.Join(is.Lower, ":")}}
	if len(is.Lower) == 0 {
		m = &types.Mount{Type: "bind", Source: is.Upper, Options: []string{"rbind", "rw"}}
	}
	return &snapshotsapi.MountsResponse{Mounts: []*types.Mount{m}}, nil
}

func (s snapshots) Usage(ctx context.Context, r *snapshotsapi.UsageRequest) (*snapshotsapi.UsageResponse, error) {
	if _, err := s.of(ctx, r.GetSnapshotter(), r.GetKey()); err != nil {
		return nil, err
	}
	return &snapshotsapi.UsageResponse{Size: 12345}, nil
}
