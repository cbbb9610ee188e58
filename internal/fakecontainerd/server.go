// Package fakecontainerd is a containerd for tests, with its API on a socket and its folders.
// Tests can make it fail in many ways.
package fakecontainerd

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	introspectionapi "github.com/containerd/containerd/api/services/introspection/v1"
	namespacesapi "github.com/containerd/containerd/api/services/namespaces/v1"
	"github.com/containerd/containerd/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// A Containerd is a server on a unix socket, which CONTAINERD_ADDRESS names until the test
// ends, and a folder for its files.
type Containerd struct {
	Socket string
	Root   string // folder of its files; it has only those that the methods write

	// Exports is the server's information about where its files are, by type and ID of plugin.
	Exports map[[2]string]map[string]string

	// Read, if not nil, can answer instead of the server. It returns false to let the server
	// answer.
	Read func(r *contentapi.ReadContentRequest, s contentapi.Content_ReadServer) (handled bool, err error)

	// Containers are the containers that the server lists. Don't change it after the first
	// request.
	Containers []Container

	// List, if not nil, answers a request for a namespace's images.
	List func(namespace string) (*imagesapi.ListImagesResponse, error)

	mu     sync.Mutex
	images map[string]map[string]*types.Descriptor // by namespace and name
	blobs  map[string][]byte                       // by digest
	asked  map[string]int                          // by method and digest
}

// New serves a containerd until the test ends.
func New(t testing.TB) *Containerd {
	t.Helper()
	dir, err := os.MkdirTemp("", "peel-c") // a socket's path has at most about 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	c := &Containerd{
		Socket: filepath.Join(dir, "c.sock"), Root: filepath.Join(dir, "root"),
		images: map[string]map[string]*types.Descriptor{}, blobs: map[string][]byte{}, asked: map[string]int{},
	}
	c.Exports = map[[2]string]map[string]string{
		{"io.containerd.content.v1", "content"}: {"root": filepath.Join(c.Root, "io.containerd.content.v1.content")},
		{"io.containerd.metadata.v1", "bolt"}:   {"path": filepath.Join(c.Root, "io.containerd.metadata.v1.bolt", "meta.db")},
	}
	listener, err := net.Listen("unix", c.Socket)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.MaxSendMsgSize(256 << 20))
	namespacesapi.RegisterNamespacesServer(s, namespaces{c: c})
	imagesapi.RegisterImagesServer(s, images{c: c})
	contentapi.RegisterContentServer(s, content{c: c})
	introspectionapi.RegisterIntrospectionServer(s, introspection{c: c})
	c.register(s)
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(func() {
		s.Stop()
		_ = os.RemoveAll(dir)
	})
	if e, ok := t.(interface{ Setenv(name, value string) }); ok {
		e.Setenv("CONTAINERD_ADDRESS", c.Socket)
	}
	return c
}

// Asked returns how often a method was called with this digest, or with any for "".
func (c *Containerd) Asked(method, digest string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[method+" "+digest]
}

func (c *Containerd) note(method, digest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[method+" "+digest]++
	if digest != "" {
		c.asked[method+" "]++
	}
}

// Name names a digest in a namespace.
func (c *Containerd) Name(namespace, name, digest, mediaType string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.images[namespace] == nil {
		c.images[namespace] = map[string]*types.Descriptor{}
	}
	c.images[namespace][name] = &types.Descriptor{Digest: digest, MediaType: mediaType, Size: int64(len(c.blobs[digest]))}
}

// Forget makes the API lose a blob.
func (c *Containerd) Forget(digest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.blobs, digest)
}

// AddArchive adds the blobs of an OCI layout in a plain tar, and returns digest and media type
// of the first image in its index.
func (c *Containerd) AddArchive(t testing.TB, file string) (digest, mediaType string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var index struct {
		Manifests []struct{ Digest, MediaType string }
	}
	for members := tar.NewReader(f); ; {
		m, err := members.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(members)
		if err != nil {
			t.Fatal(err)
		}
		if m.Name == "index.json" {
			if err := json.Unmarshal(text, &index); err != nil {
				t.Fatal(err)
			}
		}
		if hex, ok := strings.CutPrefix(m.Name, "blobs/sha256/"); ok && hex != "" {
			c.blobs["sha256:"+hex] = text
		}
	}
	if len(index.Manifests) == 0 {
		t.Fatalf("%s has no index.json that lists anything", file)
	}
	return index.Manifests[0].Digest, index.Manifests[0].MediaType
}

// WriteContent writes the blobs to the folder of the content store.
func (c *Containerd) WriteContent(t testing.TB) {
	t.Helper()
	dir := filepath.Join(c.Root, "io.containerd.content.v1.content", "blobs", "sha256")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for digest, text := range c.blobs {
		if err := os.WriteFile(filepath.Join(dir, strings.TrimPrefix(digest, "sha256:")), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func namespaceOf(ctx context.Context) string {
	m, _ := metadata.FromIncomingContext(ctx)
	if v := m.Get("containerd-namespace"); len(v) > 0 {
		return v[0]
	}
	return ""
}

type namespaces struct {
	namespacesapi.UnimplementedNamespacesServer
	c *Containerd
}

func (s namespaces) List(context.Context, *namespacesapi.ListNamespacesRequest) (*namespacesapi.ListNamespacesResponse, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	r := &namespacesapi.ListNamespacesResponse{}
	for n := range s.c.images {
		r.Namespaces = append(r.Namespaces, &namespacesapi.Namespace{Name: n})
	}
	return r, nil
}

type images struct {
	imagesapi.UnimplementedImagesServer
	c *Containerd
}

func (s images) List(ctx context.Context, _ *imagesapi.ListImagesRequest) (*imagesapi.ListImagesResponse, error) {
	in := namespaceOf(ctx)
	if s.c.List != nil {
		return s.c.List(in)
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	r := &imagesapi.ListImagesResponse{}
	for name, target := range s.c.images[in] {
		r.Images = append(r.Images, &imagesapi.Image{Name: name, Target: target})
	}
	return r, nil
}

type content struct {
	contentapi.UnimplementedContentServer
	c *Containerd
}

func (s content) blob(digest string) ([]byte, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	text, ok := s.c.blobs[digest]
	if !ok {
		return nil, status.Error(codes.NotFound, "content "+digest+": not found")
	}
	return text, nil
}

func (s content) Info(_ context.Context, r *contentapi.InfoRequest) (*contentapi.InfoResponse, error) {
	s.c.note("info", r.GetDigest())
	text, err := s.blob(r.GetDigest())
	if err != nil {
		return nil, err
	}
	return &contentapi.InfoResponse{Info: &contentapi.Info{Digest: r.GetDigest(), Size: int64(len(text))}}, nil
}

// chunk is the number of bytes in a message of a stream.
const chunk = 1000

func (s content) Read(r *contentapi.ReadContentRequest, stream contentapi.Content_ReadServer) error {
	s.c.note("read", r.GetDigest())
	if s.c.Read != nil {
		if handled, err := s.c.Read(r, stream); handled {
			return err
		}
	}
	text, err := s.blob(r.GetDigest())
	if err != nil {
		return err
	}
	from := r.GetOffset()
	to := int64(len(text))
	if from < 0 || from > to {
		return status.Error(codes.OutOfRange, "read past object length")
	}
	if r.GetSize() > 0 {
		to = min(to, from+r.GetSize())
	}
	for at := from; at < to; at += chunk {
		if err := stream.Send(&contentapi.ReadContentResponse{Offset: at, Data: text[at:min(at+chunk, to)]}); err != nil {
			return err
		}
	}
	return nil
}

type introspection struct {
	introspectionapi.UnimplementedIntrospectionServer
	c *Containerd
}

func (s introspection) Plugins(context.Context, *introspectionapi.PluginsRequest) (*introspectionapi.PluginsResponse, error) {
	r := &introspectionapi.PluginsResponse{}
	for plugin, exports := range s.c.Exports {
		r.Plugins = append(r.Plugins, &introspectionapi.Plugin{Type: plugin[0], ID: plugin[1], Exports: exports})
	}
	return r, nil
}
