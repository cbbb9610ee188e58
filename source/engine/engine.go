// Package engine is a client for container engines. It finds where an engine
// listens (environment, Docker's contexts, podman's connections, default
// sockets), connects to it (unix socket, TCP, TLS, ssh), and makes the few
// calls that peel needs. It only reads.
//
// It knows nothing about archives, layers or an image's content: a saved image
// is a stream of bytes. Package source decides which images to read, and how.
//
// An engine's responses are foreign data: texts are cleaned before they become
// part of an error.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/redact"
)

// An Engine is a connected container engine. Its methods may be called from several goroutines.
type Engine interface {
	// Name returns the kind of the engine: "docker" or "podman".
	Name() string

	// Identity identifies this engine for a cache: its kind, address and API version.
	Identity() []string

	// Local reports whether the engine listens on a socket of this machine, so that its files may
	// be here too.
	Local() bool

	// Image returns the image that ref names: a reference, or an ID, in full or
	// its first digits. want is nil for any platform that the engine has. The
	// error is ErrNotFound if the engine does not have the image, or only for
	// other platforms.
	Image(ctx context.Context, ref string, want *Wanted) (Image, error)

	// Save streams an image, described by Image for the same ref and want, as
	// an archive in the format of "docker save", with only the tag in ref, or
	// no tag for an ID. The caller closes it, whether or not it was read to its
	// end. A read fails with the engine's message if the engine gives up, and
	// with io.ErrUnexpectedEOF if the connection breaks.
	Save(ctx context.Context, ref string, im Image, want *Wanted) (io.ReadCloser, error)

	// Config assembles the config of an image without layers from the engine's
	// description, in the format of the OCI image specification. It is not the
	// exact text whose digest is the image's ID.
	Config(ctx context.Context, ref string) ([]byte, error)

	// List lists the engine's images, without intermediate build steps.
	List(ctx context.Context) ([]Listed, error)

	// Store returns where the engine keeps its images.
	Store(ctx context.Context) (Store, error)

	Containers

	// Close closes the connections. Streams must be closed before.
	Close() error
}

// A Platform is what an image runs on, in the words of its config. Unknown parts are "".
type Platform struct{ OS, Architecture, Variant, OSVersion string }

// A Wanted is the requested platform of an image.
type Wanted struct {
	Platform

	// Fits reports whether a platform matches the wanted one: architectures and variants have
	// several names.
	Fits func(Platform) bool
}

// An Image is an engine's description of one of its images.
type Image struct {
	ID       string   // "sha256:...": of the config, or of the manifest in containerd's store
	Tags     []string // all tags of the image: "app:1", "localhost/app:1"
	DiffIDs  []string // digests of the uncompressed layers, lowest first; nil if unknown
	NoLayers bool     // it has no layers: DiffIDs is known and empty
	Size     int64    // bytes, as the engine counts them: an estimate
	Platform Platform

	Driver   string // storage driver: "overlay2"; "" if unknown
	UpperDir string // the driver's folder for the topmost layer; "" if unknown
}

// A Listed is one image in an engine's list.
type Listed struct {
	ID        string
	Tags      []string   // from the engine: may be "<none>:<none>" or digests
	Size      int64      // bytes, as the engine counts them
	Created   time.Time  // zero if unknown
	Platforms []Platform // platforms that the engine has; nil if unknown
}

// A Store is where an engine keeps its images.
type Store struct {
	Root       string // folder in the engine's view
	Driver     string // "overlay2"
	Containerd bool   // images are in containerd's content store
}

var (
	// ErrNotFound says that nothing with that name exists. Any other error means that the thing
	// exists, or may exist, but can't be read.
	ErrNotFound = errors.New("no such image")

	// ErrNoEngine says that no setting names an engine and that none listens at its default
	// address. Most likely it is not installed.
	ErrNoEngine = errors.New("no socket found")
)

// Docker connects to the Docker engine selected by the environment and Docker's
// settings; see dockerAddresses. log may be nil. The error names each address,
// why it failed and what to try; it is ErrNoEngine if none seems to exist, and
// a *SettingsError if the settings can't be read.
func Docker(ctx context.Context, log *slog.Logger) (Engine, error) {
	addresses, err := dockerAddresses()
	if err != nil {
		return nil, &SettingsError{Kind: "docker", Err: err}
	}
	return connect(ctx, "docker", addresses, log)
}

// Podman connects to podman's service, which has Docker's API; see
// podmanAddresses. log may be nil. The error names each address, why it failed
// and what to try; it is ErrNoEngine if none seems to exist. It includes a
// *SettingsError if some of podman's settings can't be read.
func Podman(ctx context.Context, log *slog.Logger) (Engine, error) {
	addresses, unread := podmanAddresses()
	if unread != nil {
		unread = &SettingsError{Kind: "podman", Err: unread}
	}
	if len(addresses) == 0 {
		return nil, unread
	}
	e, err := connect(ctx, "podman", addresses, log)
	switch {
	case err == nil:
		return e, nil
	case unread != nil:
		err = fmt.Errorf("%w; %w", err, unread)
	}
	return nil, err
}

// A SettingsError says that an engine's settings can't be read.
type SettingsError struct {
	Kind string // kind of the engine
	Err  error
}

// Error returns one clean line without secrets.
func (e *SettingsError) Error() string { return clean.Line(redact.Text(e.Kind + ": " + e.Err.Error())) }

func (e *SettingsError) Unwrap() error { return e.Err }

// connect returns an engine for the first address that responds.
func connect(ctx context.Context, kind string, addresses []address, log *slog.Logger) (Engine, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var failed error
	for _, a := range addresses {
		e, err := newAPIClient(ctx, kind, a)
		if err == nil {
			log.Debug("engine answers", "engine", kind, "host", a.url, "from", a.from, "api", e.api.ClientVersion())
			return e, nil
		}
		log.Debug("engine does not answer", "engine", kind, "host", a.url, "from", a.from, "error", err)
		if failed == nil {
			failed = err
		} else {
			failed = fmt.Errorf("%w; %w", failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if ctx.Err() == nil && nothingThere(addresses) {
		failed = &noEngineError{failed}
	}
	return nil, failed
}

// nothingThere reports whether addresses are default addresses at which nothing exists.
func nothingThere(addresses []address) bool {
	for _, a := range addresses {
		if a.from != "" || a.socket() == "" || exists(a.socket()) {
			return false
		}
	}
	return true
}

// A noEngineError is a connection failure that is an ErrNoEngine with a text of its own.
type noEngineError struct{ error }

func (e *noEngineError) Unwrap() []error { return []error{ErrNoEngine, e.error} }
