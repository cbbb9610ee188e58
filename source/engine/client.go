package engine

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/peelhq/peel/internal/lazy"
)

// The first API versions that support selecting a platform. See Docker's API history, v1.48 and
// v1.49.
const (
	apiSavePlatform    = "1.48"
	apiInspectPlatform = "1.49"
)

// defaultDockerHost is Docker's default address.
const defaultDockerHost = client.DefaultDockerHost

// An apiClient is an engine with Docker's API.
type apiClient struct {
	kind string
	addr address
	api  *client.Client
	dial dialRecord

	limits limits
}

var _ Engine = (*apiClient)(nil)

// newAPIClient connects to the engine at a and negotiates the API version.
func newAPIClient(ctx context.Context, kind string, a address) (*apiClient, error) {
	e := &apiClient{kind: kind, addr: a, limits: usual(a)}
	transport := &http.Transport{
		TLSClientConfig: a.tls, TLSHandshakeTimeout: handshakeTimeout, MaxResponseHeaderBytes: maxHeader,
	}
	web := &http.Client{Transport: transport, CheckRedirect: client.CheckRedirect}
	opts := []client.Opt{
		client.WithHTTPClient(web),
		client.WithHost(a.apiHost()),
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
	if err := a.setDialer(transport, kind, &e.dial); err != nil {
		return nil, e.fail("", err)
	}
	web.Transport = guard{web.Transport, e.limits} // the client accepts only http's transport
	e.api = api
	if err := e.negotiate(ctx); err != nil {
		_ = api.Close()
		return nil, e.fail("", err)
	}
	return e, nil
}

// apiVersion matches an API version, which becomes part of paths.
var apiVersion = lazy.New(`^\d{1,4}\.\d{1,4}$`)

// negotiate pings the engine and negotiates the API version.
func (e *apiClient) negotiate(ctx context.Context) error {
	ctx, cancel := within(ctx, e.limits.ping)
	defer cancel()
	ping, err := e.api.Ping(ctx)
	if err != nil {
		return unanswered(ctx, err)
	}
	if v := ping.APIVersion; v != "" && !apiVersion.MatchString(v) {
		return fmt.Errorf("the engine speaks version %q of the API: it must be two numbers, such as 1.41", v[:min(len(v), 40)])
	}
	e.api.NegotiateAPIVersionPing(ping)
	return nil
}

func (e *apiClient) Name() string { return e.kind }

func (e *apiClient) Identity() []string {
	return []string{e.kind, e.addr.url, e.api.ClientVersion()}
}

func (e *apiClient) Local() bool { return e.addr.socket() != "" }

func (e *apiClient) Close() error { return e.api.Close() }

func (e *apiClient) Store(ctx context.Context) (Store, error) {
	ctx, cancel := within(ctx, e.limits.call)
	defer cancel()
	info, err := e.api.Info(ctx)
	if err != nil {
		return Store{}, e.fail("", unanswered(ctx, err))
	}
	s := Store{Root: info.DockerRootDir, Driver: info.Driver}
	for _, status := range info.DriverStatus {
		if status[0] == "driver-type" && strings.HasPrefix(status[1], "io.containerd.snapshotter") {
			s.Containerd = true
		}
	}
	return s, nil
}

func (e *apiClient) Image(ctx context.Context, ref string, want *Wanted) (Image, error) {
	if _, err := reference.ParseAnyReference(ref); err != nil {
		return Image{}, e.fail(ref, fmt.Errorf("%w: %w", err, ErrNotFound))
	}
	var opts []client.ImageInspectOption
	if want != nil && e.speaks(apiInspectPlatform) {
		spec := ociPlatform(want.Platform)
		opts = append(opts, client.ImageInspectWithPlatform(&spec))
	}
	ctx, cancel := within(ctx, e.limits.call)
	defer cancel()
	found, err := e.api.ImageInspect(ctx, ref, opts...)
	switch {
	case cerrdefs.IsNotFound(err):
		return Image{}, e.fail(ref, notFound(ref, err))
	case err != nil:
		return Image{}, e.fail(ref, unanswered(ctx, err))
	}
	im := describe(found)
	switch {
	case want == nil || want.Fits(im.Platform):
		return im, nil
	case e.speaks(apiSavePlatform) && !e.speaks(apiInspectPlatform):
		// It may have the wanted platform but describe only the default one.
		return Image{ID: im.ID, Tags: im.Tags, Platform: want.Platform}, nil
	}
	return Image{}, e.fail(ref, &notFoundError{fmt.Sprintf("the engine has it for %s, not for %s", im.Platform, want.Platform)})
}

func (e *apiClient) Save(ctx context.Context, ref string, im Image, want *Wanted) (io.ReadCloser, error) {
	var opts []client.ImageSaveOption
	if want != nil && e.speaks(apiSavePlatform) {
		opts = append(opts, client.ImageSaveWithPlatforms(ociPlatform(want.Platform)))
	}
	s, ctx := e.stream(ctx, ref, "the image", im.Size)
	body, err := e.api.ImageSave(ctx, []string{im.saveName(ref)}, opts...)
	if err != nil {
		return nil, s.refused(e.fail(ref, fmt.Errorf("saving the image: %w", unanswered(ctx, err))))
	}
	s.body = body
	return s, nil
}

// apiListManifests is the first API version that lists the platforms of images. See Docker's API
// history, v1.47.
const apiListManifests = "1.47"

func (e *apiClient) List(ctx context.Context) ([]Listed, error) {
	ctx, cancel := within(ctx, e.limits.call)
	defer cancel()
	found, err := e.api.ImageList(ctx, image.ListOptions{Manifests: e.speaks(apiListManifests)})
	if err != nil {
		return nil, e.fail("", fmt.Errorf("listing its images: %w", unanswered(ctx, err)))
	}
	out := make([]Listed, 0, min(len(found), e.limits.listed))
	names := 0
	for _, s := range found {
		if names += max(len(s.RepoTags), 1); names > e.limits.listed {
			return out, e.fail("", fmt.Errorf("listing its images: only the first %d are listed", len(out)))
		}
		im := Listed{ID: s.ID, Tags: s.RepoTags, Size: s.Size}
		if s.Created > 0 { // reproducible builds omit it
			im.Created = time.Unix(s.Created, 0).UTC()
		}
		for _, m := range s.Manifests {
			if m.Kind == image.ManifestKindImage && m.Available && m.ImageData != nil {
				p := m.ImageData.Platform
				im.Platforms = append(im.Platforms, Platform{p.OS, p.Architecture, p.Variant, p.OSVersion})
			}
		}
		out = append(out, im)
	}
	return out, nil
}

// speaks reports whether the negotiated API version is at least this one.
func (e *apiClient) speaks(version string) bool {
	return versions.GreaterThanOrEqualTo(e.api.ClientVersion(), version)
}

// String returns "os/architecture[/variant]".
func (p Platform) String() string {
	return strings.TrimRight(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}

// ociPlatform converts p for the API.
func ociPlatform(p Platform) ocispec.Platform {
	return ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, OSVersion: p.OSVersion}
}

// describe converts an engine's description of an image.
func describe(found image.InspectResponse) Image {
	im := Image{
		ID:       found.ID,
		DiffIDs:  found.RootFS.Layers,
		NoLayers: found.RootFS.Type != "" && len(found.RootFS.Layers) == 0,
		Size:     found.Size,
		Platform: Platform{found.Os, found.Architecture, found.Variant, found.OsVersion},
		Driver:   found.GraphDriver.Name,
		UpperDir: found.GraphDriver.Data["UpperDir"],
	}
	for _, tag := range found.RepoTags {
		if tag != "<none>:<none>" {
			im.Tags = append(im.Tags, tag)
		}
	}
	return im
}
