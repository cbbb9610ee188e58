package source

import (
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/peelhq/peel/source/layer"
)

// Options says how an image is opened. The zero value is ready to use.
type Options struct {
	// Platform is the wanted one of a multi-platform image, as
	// "os/architecture[/variant]", of Windows with a version if need be:
	// "windows/amd64:10.0.20348". Empty: the host's architecture on linux, else
	// the only one there is.
	Platform string

	// KeepContent says that Layer.Open will be called. An image that can be
	// read only once (standard input, an engine, a compressed archive) is then
	// spooled to a temporary file that has no name and is gone on every exit.
	KeepContent bool

	// ContentOnDemand says that Layer.Open may be called, as by a screen on
	// which files can be viewed. An image that came as a stream is then read a
	// second time, and spooled, by the first call; only what cannot be read
	// again, standard input or a pipe, is spooled at once.
	ContentOnDemand bool

	// Engine is the only engine that is asked for a bare name, and whose images
	// Places lists: one of Engines. Empty: all of them.
	Engine string

	// OtherEngine, if not nil, is called when an engine has the image of a bare name,
	// but the environment or a context names another one: instead, as by says
	// ("DOCKER_HOST"). It must not block.
	OtherEngine func(answered, instead, by string)

	// Via is how an engine's image is read. Empty: from the engine's store if
	// that can be read here, else by its API.
	Via Via

	// Verify has all of every layer be read and its digest be checked, even where the
	// cache or a table of contents lists its files. In an engine's own files, layers
	// have no digest: those are read as without it.
	Verify bool

	// Offline has no registry be asked. Images that were opened before, and have not
	// changed as far as is known, are opened from the cache.
	Offline bool

	// InsecureRegistries are hosts, "HOST" or "HOST:PORT", whose certificates are not
	// checked, and that may be asked by plain HTTP.
	InsecureRegistries []string

	// Agent is the program's name and version, as registries are told it.
	Agent string

	// Asking, if not nil, is called before a registry is asked for a name that does
	// not say that it is one in a registry, with what the name is taken for. It must
	// not block.
	Asking func(name string)

	// CrossMounts has what is mounted below a folder that is opened as a root
	// filesystem (dir:PATH) be read too.
	CrossMounts bool

	// Stdin is what the references "-" and "rootfs:-" read. Nil: there is nothing to
	// read.
	Stdin io.Reader

	// Progress, if not nil, is told how far reading has come, at most ten
	// times a second and once at the end of each layer. It is called from
	// several goroutines, one at a time, and must not block.
	Progress func(Progress)

	// Arriving has Progress tell which layers of a stream have come.
	Arriving bool

	// Cache is the folder in which what was found in layers is kept, to open
	// images faster that hold them; see CacheDir. It is made if it is not there,
	// and not used if others can write to it. What is read is the same with it
	// and without. Empty: nothing is kept.
	Cache string

	// Quick has lists leave out what takes an engine long to tell: the sizes of
	// containers' layers.
	Quick bool

	// Collect says what to keep of the layers' files as they are scanned; see
	// Layer.Facts.
	Collect []Collector

	// Log receives what was tried and decided, at debug level. Nil: nothing.
	Log *slog.Logger
}

// Progress is how far the reading of an image has come.
type Progress struct {
	What       string // what is being read, for people: "app.tar", "docker://app:1"
	Bytes      int64  // bytes read or passed over
	TotalBytes int64  // of how many; 0 when that is not known
	Layers     int    // layers done
	TotalLayer int    // of how many; 0 when that is not known

	// Arrived are the layers of a stream that have come, in that order: the last 100.
	// It is set if Options.Arriving is, and must not be changed.
	Arrived []Arrived
}

// An Image is one image for one platform: its config and its ordered layers.
// Text that is not known is "", a time that is not known is zero.
type Image struct {
	Name     string // as it is tagged in the archive, or as it was asked for of an engine
	ID       string // digest of the config, "sha256:..."
	Digest   string // digest of the manifest, "sha256:..."
	Platform string // "linux/amd64", "linux/arm/v7"
	Created  time.Time
	Source   string // where it was read from: "docker-archive:app.tar"

	// OSVersion and OSFeatures are those of the operating system that the image
	// needs, mostly of Windows: "10.0.20348.2582", "win32k".
	OSVersion  string
	OSFeatures []string // sorted

	Config      Config
	History     []Step            // every build step, oldest first, those without a layer too
	Layers      []*Layer          // lowest (base) first
	Annotations map[string]string // of the manifest
	Provenance  *Provenance       // where its layers come from; nil if nothing that is here attests it
	Flaws       []Flaw            // malformed but survivable, found in the image's description

	// Container is the one whose own layer lies on top; nil if there is none.
	Container *Container

	manifest []byte // the text of its manifest, or of the list that stands for one; nil if it has none
	config   []byte // the text of its config; nil if it has none

	origin
}

// A Document is a text that describes an image, exactly as it is stored.
type Document struct {
	Name string // "manifest", "config"
	Text []byte // not to be changed
}

// Documents returns the texts that describe the image: its manifest (of an archive of
// Docker's, the list manifest.json) and its config, those that there are. What peel
// index has written, and folders, have none.
func (im *Image) Documents() []Document {
	var all []Document
	for _, d := range []Document{{"manifest", im.manifest}, {"config", im.config}} {
		if d.Text != nil {
			all = append(all, d)
		}
	}
	return all
}

// FullPlatform is Platform with OSVersion and OSFeatures, as Options.Platform
// takes it: "windows/amd64:10.0.20348.2582+win32k".
func (im *Image) FullPlatform() string {
	if im.OSVersion == "" && len(im.OSFeatures) == 0 {
		return im.Platform
	}
	return strings.Join(append([]string{im.Platform + ":" + im.OSVersion}, im.OSFeatures...), "+")
}

// Config is what an image asks of the runtime.
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

	// Healthcheck is the test of the health check: "CMD" or "CMD-SHELL" with a
	// command, "NONE" if it is switched off; empty if the config has none. Docker
	// writes it; the OCI specification has no field for it.
	Healthcheck []string
}

// A Step is one build step, from the config's history.
type Step struct {
	Command string // as recorded ("created_by"), "" if unknown
	Comment string
	Author  string
	Created time.Time
	Empty   bool // it made no layer
}

// A Layer is one changeset of an image.
type Layer struct {
	Index           int    // 0 is the base
	DiffID          string // digest of the uncompressed tar, as the config says; "" if unknown
	Digest          string // digest of the blob as stored; "" if unknown
	MediaType       string // as the manifest says; "" if unknown
	CompressedBytes int64  // size of the blob as stored if that is compressed, else -1
	Step            Step   // the step that made it; zero if unknown

	OfContainer bool // it is a container's own, not one of the image's

	// Err is why the layer cannot be read (an unsupported compression, an
	// encrypted or absent blob); the image's other layers can be all the same.
	Err error

	// Entries are the layer's tar members in the order in which they are
	// stored. Nil until Image.Scan has read them, and if Err is set.
	Entries *Entries

	// Facts are what Options.Collect has kept of the layer's files, by entry.
	Facts []Fact

	// ListedBy is the form of the table of contents that Entries are from,
	// "eStargz" or "zstd:chunked": then the layer itself has not been read. "" if it
	// has.
	ListedBy string

	name      string       // of its blob, for messages; "" if it has none
	size      int64        // of its blob, in bytes
	linkedOut bool         // its blob lies outside of its folder: nothing but its digest says that it is the one
	far       bool         // its contents are fetched, or come by reading the image again
	reader    layer.Reader // nil if it cannot be read
}

// A Flaw is something malformed that could be passed over.
type Flaw struct {
	Layer   int    // 0-based; -1 if it belongs to no layer
	Path    string // absolute path, or the name as stored; "" if it belongs to no path
	Problem string // one clause, for people
}
