package source

import (
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/peelhq/peel/source/layer"
)

// Options control how an image is opened. The zero value is ready to use.
type Options struct {
	// Platform selects an image of a multi-platform image:
	// "os/architecture[/variant]", for Windows optionally with a version:
	// "windows/amd64:10.0.20348". Empty: the host's architecture on linux, or
	// the only platform that exists.
	Platform string

	// KeepContent says that Layer.Open will be called. An image that can be
	// read only once (standard input, an engine, a compressed archive) is then
	// spooled to an unlinked temporary file, which disappears on every exit.
	KeepContent bool

	// ContentOnDemand says that Layer.Open may be called, for example by a
	// screen that can show files. The first call reads an image that came as a
	// stream a second time and spools it. Only sources that can't be read again
	// (standard input, a pipe) are spooled at once.
	ContentOnDemand bool

	// Engine is one of Engines: only this engine is searched for a bare name, and Places lists
	// only its images. Empty: all engines.
	Engine string

	// OtherEngine, if not nil, is called if one engine has the image of a bare name but the
	// environment or a context names another engine (instead); by is where that setting comes
	// from ("DOCKER_HOST"). It must not block.
	OtherEngine func(answered, instead, by string)

	// Via says how to read an engine's image. Empty: from the engine's store if it can be read
	// here, else by the engine's API.
	Via Via

	// Verify reads every layer completely and checks its digest, even if the cache or a table of
	// contents lists its files. Layers in an engine's own files have no digest; Verify does not
	// affect them.
	Verify bool

	// Offline forbids requests to registries. Images that were opened before, and are not known
	// to have changed, are opened from the cache.
	Offline bool

	// InsecureRegistries are hosts, "HOST" or "HOST:PORT", whose certificates are not checked and
	// which may be reached by plain HTTP.
	InsecureRegistries []string

	// Agent is the program's name and version, sent to registries.
	Agent string

	// Asking, if not nil, is called before a registry is asked for a name that has no registry
	// prefix. It receives the full name. It must not block.
	Asking func(name string)

	// CrossMounts includes file systems that are mounted below a folder opened as a root
	// filesystem (dir:PATH).
	CrossMounts bool

	// Stdin is the input for the references "-" and "rootfs:-". Nil: no input.
	Stdin io.Reader

	// Progress, if not nil, receives the state of reading at most ten times a
	// second and at the end of each layer. Several goroutines call it, one at a
	// time. It must not block.
	Progress func(Progress)

	// Arriving adds the layers read from a stream to Progress.
	Arriving bool

	// Cache is the folder that stores what was found in layers, so that images
	// with the same layers open faster; see CacheDir. It is created if
	// necessary, and ignored if other users can write to it. Results do not
	// depend on it. Empty: no cache.
	Cache string

	// Quick leaves out of lists what engines compute slowly: the sizes of containers' layers.
	Quick bool

	// Collect says which facts to keep about the layers' files during the scan; see Layer.Facts.
	Collect []Collector

	// WideSums computes checksums of all files as layers are read, including 128-bit
	// checksums: see Entries.Wide and Layer.Widen.
	WideSums bool

	// Registries sends the requests to registries, for this image and for others. Nil: the
	// image has its own client.
	Registries *Registries

	// EntryMemory limits the memory that the entries of an image's layers take, in bytes.
	// 0: 384 MiB.
	EntryMemory int64

	// Log receives debug messages about what was tried and decided. Nil: none.
	Log *slog.Logger
}

// Progress is the state of reading an image.
type Progress struct {
	What       string // what is being read, for messages: "app.tar", "docker://app:1"
	Bytes      int64  // bytes read or skipped
	TotalBytes int64  // total; 0 if unknown
	Layers     int    // finished layers
	TotalLayer int    // total; 0 if unknown

	// Arrived are the last 100 layers read from a stream, in order of arrival. It is set only
	// with Options.Arriving, and must not be modified.
	Arrived []Arrived
}

// An Image is one image for one platform: its config and its ordered layers. Unknown text is "",
// an unknown time is zero.
type Image struct {
	Name     string // the tag in the archive, or the name requested from an engine
	ID       string // digest of the config, "sha256:..."
	Digest   string // digest of the manifest, "sha256:..."
	Platform string // "linux/amd64", "linux/arm/v7"
	Created  time.Time
	Source   string // where the image was read from: "docker-archive:app.tar"

	// Pinned is a registry reference with the digest that Source stood for when the image
	// was opened, "registry://HOST/REPO:TAG@DIGEST"; "" if it is from elsewhere.
	Pinned string

	// OSVersion and OSFeatures are those of the required operating system, mostly for Windows:
	// "10.0.20348.2582", "win32k".
	OSVersion  string
	OSFeatures []string // sorted

	Config      Config
	History     []Step            // every build step, oldest first, including steps without a layer
	Layers      []*Layer          // lowest (base) first
	Annotations map[string]string // from the manifest
	Provenance  *Provenance       // where its layers come from; nil without a usable attestation
	Flaws       []Flaw            // survivable faults in the image's description

	// Container is the container whose own layer is on top; nil for an image.
	Container *Container

	manifest []byte // text of the manifest, or of the list that replaces it; nil if none
	config   []byte // text of the config; nil if none

	origin
}

// A Document is a text that describes an image, exactly as stored.
type Document struct {
	Name string // "manifest", "config"
	Text []byte // must not be modified
}

// Documents returns the stored texts that describe the image: its manifest (manifest.json for a
// docker archive) and its config. A folder and an index written by peel index have none.
func (im *Image) Documents() []Document {
	var all []Document
	for _, d := range []Document{{"manifest", im.manifest}, {"config", im.config}} {
		if d.Text != nil {
			all = append(all, d)
		}
	}
	return all
}

// FullPlatform is Platform with OSVersion and OSFeatures, in the form of Options.Platform:
// "windows/amd64:10.0.20348.2582+win32k".
func (im *Image) FullPlatform() string {
	if im.OSVersion == "" && len(im.OSFeatures) == 0 {
		return im.Platform
	}
	return strings.Join(append([]string{im.Platform + ":" + im.OSVersion}, im.OSFeatures...), "+")
}

// Config is the part of the image's config that concerns the runtime.
type Config struct {
	User         string
	WorkingDir   string
	Entrypoint   []string
	Cmd          []string
	Env          []string // "NAME=value"
	ExposedPorts []string // sorted
	Volumes      []string // sorted
	Labels       map[string]string
	StopSignal   string
	Author       string

	// Healthcheck is the test of the health check: "CMD" or "CMD-SHELL"
	// followed by a command, "NONE" if disabled; empty if the config has none.
	// Docker defines it; the OCI specification does not.
	Healthcheck []string
}

// A Step is one build step, from the config's history.
type Step struct {
	Command string // as recorded ("created_by"), "" if unknown
	Comment string
	Author  string
	Created time.Time
	Empty   bool // the step made no layer
}

// A Layer is one changeset of an image.
type Layer struct {
	Index           int    // 0 is the base
	DiffID          string // digest of the uncompressed tar from the config; "" if unknown
	Digest          string // digest of the blob as stored; "" if unknown
	MediaType       string // from the manifest; "" if unknown
	CompressedBytes int64  // size of the blob as stored if compressed, else -1
	Step            Step   // the step that made the layer; zero if unknown

	OfContainer bool // it belongs to a container, not to the image

	// Err is why the layer can't be read (unsupported compression, encrypted or missing blob).
	// The image's other layers may still be readable.
	Err error

	// Entries are the layer's tar members in stored order. Nil before Image.Scan, and if Err is
	// set.
	Entries *Entries

	// Facts are the facts collected by Options.Collect, by entry.
	Facts []Fact

	// ListedBy is the format of the table of contents that Entries came from, "eStargz" or
	// "zstd:chunked". The layer itself was not read then. Otherwise "".
	ListedBy string

	name      string       // of its blob, for messages; "" if it has no blob
	size      int64        // of the blob, in bytes
	linkedOut bool         // the blob is outside of its folder, so only its digest can identify it
	far       bool         // its contents are fetched, or need a second reading of the image
	reader    layer.Reader // nil if unreadable
}

// A Flaw is a survivable fault.
type Flaw struct {
	Layer   int    // 0-based; -1 if it concerns no layer
	Path    string // absolute path, or the stored name; "" if it concerns no path
	Problem string // one clause, for people
}
