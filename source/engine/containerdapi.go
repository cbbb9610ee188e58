package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	introspectionapi "github.com/containerd/containerd/api/services/introspection/v1"
	namespacesapi "github.com/containerd/containerd/api/services/namespaces/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const containerdKind = "containerd"

// namespaceHeader is the request header with the namespace. Source: containerd,
// pkg/namespaces/grpc.go.
const namespaceHeader = "containerd-namespace"

// A Containerd is a connected containerd. Its methods may be called from several goroutines. It
// is only read.
type Containerd struct {
	Socket ContainerdSocket

	addr   address
	conn   *grpc.ClientConn
	limits limits

	mu     sync.Mutex
	dialed error // error of the last attempt to connect, or nil
}

// HTTP/2 windows in bytes: how much containerd may send ahead, in one stream and in total.
const (
	streamWindow     = 1 << 20
	connectionWindow = 4 << 20
)

// dialContainerd connects to the containerd at s.
func dialContainerd(ctx context.Context, s ContainerdSocket) (*Containerd, error) {
	c := &Containerd{Socket: s, addr: address{url: "unix://" + s.Path, from: s.From}}
	c.limits = usual(c.addr)
	conn, err := grpc.NewClient("passthrough:///containerd",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(c.dial),
		grpc.WithAuthority("localhost"),
		grpc.WithDisableServiceConfig(), grpc.WithNoProxy(),
		grpc.WithInitialWindowSize(streamWindow), grpc.WithInitialConnWindowSize(connectionWindow),
		grpc.WithMaxHeaderListSize(maxHeader),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(int(c.limits.answer)),
			grpc.ForceCodecV2(boundedCodec{encoding.GetCodecV2("proto"), c.limits.values}),
		),
		grpc.WithUserAgent("peel"),
	)
	if err != nil {
		return nil, c.fail("", err)
	}
	c.conn = conn
	ctx, cancel := within(ctx, c.limits.ping)
	defer cancel()
	if _, err := c.namespaces(ctx); err != nil {
		return nil, errors.Join(c.fail("", unanswered(ctx, err)), conn.Close())
	}
	return c, nil
}

// dial connects to the socket and keeps the error, which gRPC converts to text.
func (c *Containerd) dial(ctx context.Context, _ string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.Socket.Path)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialed = err
	return conn, err
}

// Close closes the connection.
func (c *Containerd) Close() error { return c.conn.Close() }

// in returns a context for a request in a namespace.
func in(ctx context.Context, namespace string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, namespaceHeader, namespace)
}

// Namespaces lists the namespaces, in no particular order.
func (c *Containerd) Namespaces(ctx context.Context) ([]string, error) {
	ctx, cancel := within(ctx, c.limits.call)
	defer cancel()
	found, err := c.namespaces(ctx)
	if err != nil {
		return nil, c.fail("", unanswered(ctx, err))
	}
	return found, nil
}

func (c *Containerd) namespaces(ctx context.Context) ([]string, error) {
	answer, err := namespacesapi.NewNamespacesClient(c.conn).List(ctx, &namespacesapi.ListNamespacesRequest{})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, n := range answer.GetNamespaces() {
		out = append(out, n.GetName())
	}
	return out, nil
}

// Images lists the images of a namespace, in no particular order.
func (c *Containerd) Images(ctx context.Context, namespace string) ([]ContainerdImage, error) {
	ctx, cancel := within(in(ctx, namespace), c.limits.call)
	defer cancel()
	answer, err := imagesapi.NewImagesClient(c.conn).List(ctx, &imagesapi.ListImagesRequest{})
	if err != nil {
		return nil, c.fail("namespace "+namespace, unanswered(ctx, err))
	}
	var out []ContainerdImage
	for _, im := range answer.GetImages() {
		target := im.GetTarget()
		found := ContainerdImage{
			Namespace: namespace, Name: im.GetName(),
			Digest: target.GetDigest(), MediaType: target.GetMediaType(), Size: target.GetSize(),
		}
		if t := im.GetCreatedAt(); t.IsValid() && t.AsTime().Unix() > 0 {
			found.Created = t.AsTime()
		}
		out = append(out, found)
	}
	return out, nil
}

// Roots asks for containerd's folders, as paths on this machine.
func (c *Containerd) Roots(ctx context.Context) (ContainerdRoots, error) {
	ctx, cancel := within(ctx, c.limits.call)
	defer cancel()
	answer, err := introspectionapi.NewIntrospectionClient(c.conn).Plugins(ctx, &introspectionapi.PluginsRequest{})
	if err != nil {
		return ContainerdRoots{}, c.fail("", unanswered(ctx, err))
	}
	r := ContainerdRoots{Snapshotters: map[string]string{}}
	for _, p := range answer.GetPlugins() {
		switch p.GetType() {
		case "io.containerd.content.v1":
			r.Content = c.here(p.GetExports()["root"])
		case "io.containerd.metadata.v1":
			r.Metadata = c.here(p.GetExports()["path"])
		case "io.containerd.snapshotter.v1":
			if root := c.here(p.GetExports()["root"]); root != "" {
				r.Snapshotters[p.GetID()] = root
			}
		}
	}
	return r, nil
}

// here converts containerd's path to this machine's; "" if it is not absolute.
func (c *Containerd) here(path string) string {
	if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
		return ""
	}
	return filepath.Join(c.Socket.Below, path)
}

// BlobSize returns the size of a blob. The error is ErrNoBlob if the namespace does not have it.
func (c *Containerd) BlobSize(ctx context.Context, namespace, digest string) (int64, error) {
	ctx, cancel := within(in(ctx, namespace), c.limits.call)
	defer cancel()
	answer, err := contentapi.NewContentClient(c.conn).Info(ctx, &contentapi.InfoRequest{Digest: digest})
	if err != nil {
		return 0, c.failBlob(digest, unanswered(ctx, err))
	}
	size := answer.GetInfo().GetSize()
	if size < 0 {
		return 0, c.fail(digest, fmt.Errorf("it claims to have %d bytes", size))
	}
	return size, nil
}

// Blob streams a half-open range of a blob. It verifies the number of bytes, not the digest. It
// sends no request before the first read. The read error is ErrNoBlob if the namespace does not
// have the blob.
func (c *Containerd) Blob(ctx context.Context, namespace, digest string, from, to int64) io.ReadCloser {
	ctx, cancel := context.WithCancelCause(in(ctx, namespace))
	return &blobStream{c: c, ctx: ctx, cancel: cancel, digest: digest, at: from, end: to}
}

// A blobStream streams a part of a blob.
type blobStream struct {
	c      *Containerd
	ctx    context.Context
	cancel context.CancelCauseFunc
	digest string
	at     int64 // current offset
	end    int64

	stream contentapi.Content_ReadClient // nil before the first read
	watch  *watch
	rest   []byte // unread received bytes
	err    error
}

// Read reads on.
func (b *blobStream) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		if b.at == b.end {
			b.err = io.EOF
		} else if err := b.more(); err != nil {
			b.err = b.c.failBlob(b.digest, err)
		}
		if b.err != nil && b.watch != nil {
			b.watch.stop()
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	b.at += int64(n)
	return n, nil
}

// more waits for the next bytes.
func (b *blobStream) more() (err error) {
	if b.stream == nil {
		if b.end < b.at || b.at < 0 {
			return errors.New("reading beyond a blob's end")
		}
		b.watch = newWatch(b.c.limits.silence, b.c.limits.silence, b.cancel)
		ask := &contentapi.ReadContentRequest{Digest: b.digest, Offset: b.at, Size: b.end - b.at}
		if b.stream, err = contentapi.NewContentClient(b.c.conn).Read(b.ctx, ask); err != nil {
			return b.because(err)
		}
	}
	b.watch.wait()
	answer, err := b.stream.Recv()
	data := answer.GetData()
	b.watch.came(len(data))
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("it ends after %d of %d bytes: %w", b.at, b.end, io.ErrUnexpectedEOF)
	case err != nil:
		return b.because(err)
	case len(data) > 0 && answer.GetOffset() != b.at:
		return fmt.Errorf("byte %d came where byte %d was to come", answer.GetOffset(), b.at)
	case int64(len(data)) > b.end-b.at:
		return fmt.Errorf("more bytes came than the %d that were asked for", b.end)
	}
	b.rest = data
	return nil
}

// because returns why this side ended the stream, if it did.
func (b *blobStream) because(err error) error {
	if cause := context.Cause(b.ctx); cause != nil {
		return cause
	}
	return err
}

// Close ends the stream.
func (b *blobStream) Close() error {
	if b.watch != nil {
		b.watch.stop()
	}
	b.cancel(nil)
	if b.err == nil {
		b.err = io.ErrClosedPipe
	}
	return nil
}

// ErrNoBlob says that containerd does not have a blob in that namespace.
var ErrNoBlob = errors.New("the content store does not have it")

// failBlob is fail for a blob.
func (c *Containerd) failBlob(digest string, err error) error {
	if status.Code(err) == codes.NotFound {
		return &failure{kind: containerdKind, addr: c.addr, ref: digest, err: ErrNoBlob}
	}
	return c.fail(digest, err)
}

// fail wraps err with the engine, the request, and possible help.
func (c *Containerd) fail(what string, err error) error {
	f := &failure{kind: containerdKind, addr: c.addr, ref: what, err: err}
	c.mu.Lock()
	dialed := c.dialed
	c.mu.Unlock()
	s, ok := status.FromError(err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), !ok:
	case s.Code() == codes.NotFound:
		f.err = ErrNotFound
	case s.Code() == codes.Unavailable && dialed != nil:
		f.err = dialed
		f.try = advice(containerdKind, c.addr, dialed)
	case s.Code() == codes.Unimplemented:
		f.err = errors.New(s.Message())
		f.try = "this may not be containerd, or a version before 1.2"
	default:
		f.err = errors.New(s.Message())
	}
	return f
}
