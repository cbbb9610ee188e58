package source

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/peelhq/peel/internal/clean"
)

// An engine is a container engine that answers: Docker, or podman through the
// same API. It only ever reads. Methods may be called from several goroutines.
type engine interface {
	// name is the kind of the engine: "docker" or "podman".
	name() string

	// image says what the engine knows of the image that ref names: a
	// reference, or an ID, in full or its first digits. platform is "" for
	// whatever the engine has. The error is ErrNotFound if the engine has no
	// such image, or has it for other platforms only.
	image(ctx context.Context, ref, platform string) (engineImage, error)

	// save streams the image as an archive, as "docker save" writes it, with
	// the tag that ref names and no other; of an image named by its ID, with
	// none. The caller closes it, whether it was read to its end or not. A
	// read fails with what the engine says if it gives up halfway, and with an
	// error that is io.ErrUnexpectedEOF if the connection breaks.
	save(ctx context.Context, ref, platform string) (io.ReadCloser, error)

	// images lists the images that the engine has, each once for each of its
	// tags, without the layers that are only steps of a build.
	images(ctx context.Context) ([]LocalImage, error)

	// local reports whether the engine answers at a socket of this machine, so
	// that its files may be here too.
	local() bool

	// where says where the engine keeps its images.
	where(ctx context.Context) (engineStore, error)

	// close drops the connections; what was saved must have been closed before.
	close() error
}

// An engineImage is what an engine says of one of its images.
type engineImage struct {
	ID       string   // "sha256:...": of the config, or of the manifest with containerd's store
	Tags     []string // every tag that the image has: "app:1", "localhost/app:1"
	DiffIDs  []string // digests of the uncompressed layers, lowest first; nil if not known
	Size     int64    // bytes, as the engine counts them: a hint
	Platform string   // "linux/amd64"

	driver string // that keeps the layers' files: "overlay2"; "" if not said
	upper  string // the topmost layer's folder, as that driver has it; "" if not said
}

// engineStore is where an engine keeps its images.
type engineStore struct {
	root       string // folder, as the engine sees it
	driver     string // "overlay2"
	containerd bool   // images are in containerd's content store
}

// How long an engine may take for its first answer. Over ssh that includes
// logging in; a local one may just be starting up behind its socket.
const (
	pingTimeout    = 15 * time.Second
	sshPingTimeout = 45 * time.Second
)

// API versions since which a platform can be named to an engine. See Docker's
// API history, v1.48 and v1.49.
const (
	apiSavePlatform    = "1.48"
	apiInspectPlatform = "1.49"
)

// defaultDockerHost is where Docker listens if nothing else was said.
const defaultDockerHost = client.DefaultDockerHost

// dockerEngine connects to the Docker engine that the environment names; see
// dockerHosts. The error tells each host that was tried, why it failed and what
// to try.
func dockerEngine(ctx context.Context, log *slog.Logger) (engine, error) {
	hosts, err := dockerHosts()
	if err != nil {
		return nil, fmt.Errorf("docker: %w", err)
	}
	return connectEngine(ctx, "docker", hosts, log)
}

// connectEngine returns an engine for the first of hosts that answers.
func connectEngine(ctx context.Context, kind string, hosts []engineHost, log *slog.Logger) (engine, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var failed error
	for _, h := range hosts {
		e, err := newAPIEngine(ctx, kind, h)
		if err == nil {
			log.Debug("engine answers", "engine", kind, "host", h.url, "from", h.from, "api", e.api.ClientVersion())
			return e, nil
		}
		log.Debug("engine does not answer", "engine", kind, "host", h.url, "from", h.from, "error", err)
		if failed == nil {
			failed = err
		} else {
			failed = fmt.Errorf("%w; %w", failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// An apiEngine is an engine that speaks Docker's API.
type apiEngine struct {
	kind string
	host engineHost
	api  *client.Client
	dial dialRecord
}

var _ engine = (*apiEngine)(nil)

// newAPIEngine connects to the engine at h and agrees with it on a version of
// the API.
func newAPIEngine(ctx context.Context, kind string, h engineHost) (*apiEngine, error) {
	e := &apiEngine{kind: kind, host: h}
	transport := &http.Transport{TLSClientConfig: h.tls}
	opts := []client.Opt{
		client.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: client.CheckRedirect}),
		client.WithHost(h.apiHost()),
		client.WithUserAgent("peel"),
		client.WithAPIVersionNegotiation(),
	}
	if kind == "docker" {
		opts = append(opts, client.WithVersionFromEnv())
	}
	api, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, e.fail("", err)
	}
	if err := h.setDialer(transport, kind, &e.dial); err != nil {
		return nil, e.fail("", err)
	}
	e.api = api

	timeout := pingTimeout
	if h.ssh != nil {
		timeout = sshPingTimeout
	}
	pingCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ping, err := api.Ping(pingCtx)
	if err != nil {
		_ = api.Close()
		switch {
		case ctx.Err() != nil:
			err = ctx.Err()
		case pingCtx.Err() != nil:
			err = fmt.Errorf("no answer within %v", timeout)
		}
		return nil, e.fail("", err)
	}
	api.NegotiateAPIVersionPing(ping)
	return e, nil
}

func (e *apiEngine) name() string { return e.kind }

func (e *apiEngine) local() bool { return e.host.socket() != "" }

func (e *apiEngine) where(ctx context.Context) (engineStore, error) {
	info, err := e.api.Info(ctx)
	if err != nil {
		return engineStore{}, e.fail("", err)
	}
	s := engineStore{root: info.DockerRootDir, driver: info.Driver}
	for _, status := range info.DriverStatus {
		if status[0] == "driver-type" && strings.HasPrefix(status[1], "io.containerd.snapshotter") {
			s.containerd = true
		}
	}
	return s, nil
}

func (e *apiEngine) close() error { return e.api.Close() }

func (e *apiEngine) image(ctx context.Context, ref, wanted string) (engineImage, error) {
	if _, err := reference.ParseAnyReference(ref); err != nil {
		return engineImage{}, e.fail(ref, fmt.Errorf("%w: %w", err, ErrNotFound))
	}
	want, err := wantedPlatform(wanted)
	if err != nil {
		return engineImage{}, e.fail(ref, err)
	}
	var opts []client.ImageInspectOption
	if want.known() && e.speaks(apiInspectPlatform) {
		spec := platformSpec(want)
		opts = append(opts, client.ImageInspectWithPlatform(&spec))
	}
	found, err := e.api.ImageInspect(ctx, ref, opts...)
	switch {
	case cerrdefs.IsNotFound(err):
		return engineImage{}, e.fail(ref, notFound(ref, err))
	case err != nil:
		return engineImage{}, e.fail(ref, err)
	}
	im := describe(found)
	has := platform{found.Os, found.Architecture, found.Variant}
	switch {
	case !want.known() || has.fit(want) > 0:
		return im, nil
	case e.speaks(apiSavePlatform) && !e.speaks(apiInspectPlatform):
		// It may hold the wanted platform, but describes the default one alone.
		return engineImage{ID: im.ID, Tags: im.Tags, Platform: want.String()}, nil
	}
	return engineImage{}, e.fail(ref, absent("the engine has it for %s, not for %s", im.Platform, want))
}

func (e *apiEngine) save(ctx context.Context, ref, wanted string) (io.ReadCloser, error) {
	im, err := e.image(ctx, ref, wanted)
	if err != nil {
		return nil, err
	}
	want, err := wantedPlatform(wanted)
	if err != nil {
		return nil, e.fail(ref, err)
	}
	var opts []client.ImageSaveOption
	if want.known() && e.speaks(apiSavePlatform) {
		opts = append(opts, client.ImageSaveWithPlatforms(platformSpec(want)))
	}
	body, err := e.api.ImageSave(ctx, []string{saveName(ref, im)}, opts...)
	if err != nil {
		return nil, e.fail(ref, fmt.Errorf("saving the image: %w", err))
	}
	return &saveStream{ctx: ctx, engine: e, ref: ref, body: body}, nil
}

// speaks reports whether the engine and we have agreed on this version of the
// API, or on a later one.
func (e *apiEngine) speaks(version string) bool {
	return versions.GreaterThanOrEqualTo(e.api.ClientVersion(), version)
}

// wantedPlatform is the platform that a caller asks for; the zero platform for "".
func wantedPlatform(s string) (platform, error) {
	if s == "" {
		return platform{}, nil
	}
	return parsePlatform(s)
}

// platformSpec is p as the API takes it.
func platformSpec(p platform) ocispec.Platform {
	return ocispec.Platform{OS: p.os, Architecture: p.arch, Variant: p.variant}
}

// describe turns an engine's own description of an image into ours.
func describe(found image.InspectResponse) engineImage {
	im := engineImage{
		ID:       found.ID,
		DiffIDs:  found.RootFS.Layers,
		Size:     found.Size,
		Platform: strings.TrimRight(found.Os+"/"+found.Architecture+"/"+found.Variant, "/"),
		driver:   found.GraphDriver.Name,
		upper:    found.GraphDriver.Data["UpperDir"],
	}
	for _, tag := range found.RepoTags {
		if tag != "<none>:<none>" {
			im.Tags = append(im.Tags, tag)
		}
	}
	return im
}

// saveName returns the name to save an image by. A name with a tag or a digest
// and a full ID are taken as they are. A bare name would save every image of
// that repository: it stands for its "latest", unless the engine has taken it
// for the first digits of an ID.
func saveName(ref string, im engineImage) string {
	parsed, err := reference.ParseAnyReference(ref)
	if err != nil {
		return ref
	}
	named, ok := parsed.(reference.Named)
	if !ok || !reference.IsNameOnly(named) {
		return ref
	}
	latest := reference.FamiliarString(reference.TagNameOnly(named))
	i := slices.IndexFunc(im.Tags, func(tag string) bool {
		return tag == latest || strings.HasSuffix(tag, "/"+latest)
	})
	if i < 0 {
		return im.ID
	}
	return im.Tags[i]
}

// notFound makes err, an engine's "404" for ref, ErrNotFound. Engines word it in
// many ways, most of them repeating the name; only what says more is kept: newer
// Docker engines answer so for an image of another platform.
func notFound(ref string, err error) error {
	if strings.Contains(err.Error(), "platform") {
		return fmt.Errorf("%w: %w", err, ErrNotFound)
	}
	if parsed, err := reference.ParseNormalizedNamed(ref); err == nil && reference.IsNameOnly(parsed) {
		return fmt.Errorf("taken for %s: %w", reference.FamiliarString(reference.TagNameOnly(parsed)), ErrNotFound)
	}
	return ErrNotFound
}

// fail wraps err with the engine, what was asked of it ("" when connecting),
// and what may help.
func (e *apiEngine) fail(ref string, err error) error {
	failure := &engineError{kind: e.kind, host: e.host, ref: ref, err: err}
	if !client.IsErrConnectionFailed(err) {
		return failure
	}
	if dialed := e.dial.last(); dialed != nil {
		failure.err = dialed // the client drops it
	} else if inner := innerURLError(err); inner != nil {
		failure.err = inner // without the made-up address that requests bear
	}
	failure.try = advice(e.kind, e.host, failure.err)
	return failure
}

// An engineError is a failure of an engine.
type engineError struct {
	kind string
	host engineHost
	ref  string // image that was asked for; "" if none was
	err  error
	try  string // what may help; "" if nothing is known to
}

// Error returns one line: engine, host, image, reason, advice. What the engine
// says is foreign text and is cleaned.
func (e *engineError) Error() string {
	where := e.kind + " (" + e.host.url
	if e.host.from != "" {
		where += ", " + e.host.from
	}
	parts := []string{where + ")"}
	if e.ref != "" {
		parts = append(parts, e.ref)
	}
	text := strings.Join(append(parts, e.err.Error()), ": ")
	if e.try != "" {
		text += "; " + e.try
	}
	return clean.Line(text)
}

func (e *engineError) Unwrap() error { return e.err }
