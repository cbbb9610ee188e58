// Package engine is the client of container engines: where an engine listens
// (environment, Docker's contexts, podman's connections, the usual sockets), how
// it is reached (unix socket, TCP, TLS, ssh), and the few calls that peel makes.
// It only ever reads.
//
// It knows nothing of archives, layers or an image's content: what it saves is a
// stream of bytes. Which images are read, and how, is for package source to say.
//
// An engine's answers are foreign: its texts are cleaned before they stand in an
// error.
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

// An Engine is a container engine that answers. Its methods may be called from
// several goroutines.
type Engine interface {
	// Name is the kind of the engine: "docker" or "podman".
	Name() string

	// Identity tells this engine from others, for a cache: its kind, its
	// address and the version of the API that is spoken with it.
	Identity() []string

	// Local reports whether the engine answers at a socket of this machine, so
	// that its files may be here too.
	Local() bool

	// Image says what the engine knows about the image that ref names: a
	// reference, or an ID, in full or its first digits. want is nil for any
	// platform that the engine has. The error is ErrNotFound if the engine
	// has no such image, or has it for other platforms only.
	Image(ctx context.Context, ref string, want *Wanted) (Image, error)

	// Save streams an image that Image has described for the same ref and
	// want, as an archive that "docker save" would write, with the tag that
	// ref names and no other; of an image named by its ID, with none. The
	// caller closes it, whether it was read to its end or not. A read fails
	// with what the engine says if it gives up halfway, and with an error that
	// is io.ErrUnexpectedEOF if the connection breaks.
	Save(ctx context.Context, ref string, im Image, want *Wanted) (io.ReadCloser, error)

	// Config puts the config of an image without layers together from what the
	// engine tells of it, in the form of the OCI image specification. It is not
	// the very text that the image's ID is the digest of.
	Config(ctx context.Context, ref string) ([]byte, error)

	// List lists the images that the engine has, without the layers that are
	// only steps of a build.
	List(ctx context.Context) ([]Listed, error)

	// Store says where the engine keeps its images.
	Store(ctx context.Context) (Store, error)

	Containers

	// Close drops the connections. Streams must have been closed.
	Close() error
}

// A Platform is what an image runs on, in the words of its config. Parts that
// are not known are "".
type Platform struct{ OS, Architecture, Variant, OSVersion string }

// A Wanted is the platform that an image is asked for.
type Wanted struct {
	Platform

	// Fits reports whether an image for a platform is one for the wanted
	// platform: architectures and variants have several names.
	Fits func(Platform) bool
}

// An Image is what an engine says of one of its images.
type Image struct {
	ID       string   // "sha256:...": of the config, or of the manifest with containerd's store
	Tags     []string // every tag that the image has: "app:1", "localhost/app:1"
	DiffIDs  []string // digests of the uncompressed layers, lowest first; nil if not known
	NoLayers bool     // it has none: DiffIDs is known, and empty
	Size     int64    // bytes, as the engine counts them: a hint
	Platform Platform

	Driver   string // what keeps the layers' files: "overlay2"; "" if not said
	UpperDir string // the topmost layer's folder, as that driver has it; "" if not said
}

// A Listed is one image in an engine's list.
type Listed struct {
	ID        string
	Tags      []string   // as the engine lists them: "<none>:<none>" and digests too
	Size      int64      // bytes, as the engine counts them
	Created   time.Time  // zero if not known
	Platforms []Platform // that the engine has it for; nil if it does not say
}

// A Store is where an engine keeps its images.
type Store struct {
	Root       string // folder, as the engine sees it
	Driver     string // "overlay2"
	Containerd bool   // images are in containerd's content store
}

var (
	// ErrNotFound says that a reference names nothing that exists. Any other
	// error is of something that exists, or may exist, but could not be read.
	ErrNotFound = errors.New("no such image")

	// ErrNoEngine says that nothing names an engine, and that none listens at
	// its default address: most likely, it is not installed.
	ErrNoEngine = errors.New("no socket found")
)

// Docker connects to the Docker engine that the environment and Docker's own
// settings name; see dockerAddresses. log may be nil. The error tells each
// address that was tried, why it failed and what to try; it is ErrNoEngine if
// there seems to be none, and a *SettingsError if the settings could not be read.
func Docker(ctx context.Context, log *slog.Logger) (Engine, error) {
	addresses, err := dockerAddresses()
	if err != nil {
		return nil, &SettingsError{Kind: "docker", Err: err}
	}
	return connect(ctx, "docker", addresses, log)
}

// Podman connects to podman's service, which speaks Docker's API; see
// podmanAddresses. log may be nil. The error tells each address that was tried,
// why it failed and what to try; it is ErrNoEngine if there seems to be none.
// It holds a *SettingsError if some of podman's settings could not be read.
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

// A SettingsError says that settings which name an engine could not be read.
type SettingsError struct {
	Kind string // of the engine
	Err  error
}

// Error returns one line, cleaned and without secrets.
func (e *SettingsError) Error() string { return clean.Line(redact.Text(e.Kind + ": " + e.Err.Error())) }

func (e *SettingsError) Unwrap() error { return e.Err }

// connect returns an engine for the first of addresses that answers.
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

// nothingThere reports whether addresses are where an engine listens by itself,
// and there is nothing at any of them.
func nothingThere(addresses []address) bool {
	for _, a := range addresses {
		if a.from != "" || a.socket() == "" || exists(a.socket()) {
			return false
		}
	}
	return true
}

// A noEngineError is a failure to connect that is ErrNoEngine, in its own words.
type noEngineError struct{ error }

func (e *noEngineError) Unwrap() []error { return []error{ErrNoEngine, e.error} }
