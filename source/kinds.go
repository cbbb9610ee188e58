package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/peelhq/peel/internal/alike"
	"github.com/peelhq/peel/source/engine"
)

// A kind is one kind of source that images are read from. To add one, write a
// file with its functions, and add a row to kinds. Open, the picker,
// "peel images", the search for a base image, error messages, help and the table
// in the README all follow from that row.
type kind struct {
	// prefix is how a reference of this kind begins, "docker://"; all of the
	// reference if takes is empty; "" for a reference without any prefix.
	prefix string
	takes  string // what follows, for people: "NAME", "FILE[:TAG]"
	about  string // what it reads, for help: a noun phrase
	docs   string // the same for the docs, in Markdown; "" if about says it all

	// open opens the image that the rest of the reference names.
	open func(ctx context.Context, o *opener, rest string) (*Image, error)

	// named says that a bare NAME is looked for in this kind too, in the order
	// of the table.
	named bool

	// chosen returns what in the environment or in an engine's settings names the
	// engine of this kind, for people: "DOCKER_HOST"; "" if nothing does. Nil of what
	// is no engine.
	chosen func() string

	// remote says that to open one is to ask another machine. A bare NAME is looked
	// for there only once every other kind has said that it does not have it.
	remote bool

	// list lists the images of this kind that are here; nil if they cannot be
	// listed. place is its name in the picker, and in LocalImage.Engine.
	list  func(l *lister, ctx context.Context) ([]LocalImage, error)
	place string

	containers bool // what list lists are containers

	// diffIDs returns the diffIDs of the image that the rest of the reference
	// names, lowest first, without reading its layers; nil if that takes opening
	// it.
	diffIDs func(ctx context.Context, im *Image, rest string) ([]string, error)

	// relatives returns the images of this kind whose layers are an image's lowest;
	// nil if that would take opening each. See Image.Relatives.
	relatives func(ctx context.Context, im *Image) ([]Relative, error)
}

// kinds returns the kinds of source, in the order in which help shows them and a
// bare name is looked for. It is a function because its rows reach Open, which
// goes through them.
func kinds() []kind {
	docker, podman := dockerKind(), podmanKind()
	return []kind{
		{
			prefix: "docker://", takes: "NAME",
			about: "an image of the Docker engine",
			docs:  "the Docker engine: its contexts and `DOCKER_HOST`, over unix, tcp, TLS or ssh",
			open:  docker.open, named: true, chosen: engine.DockerChosen,
			place: docker.name, list: docker.list, diffIDs: docker.diffIDs, relatives: docker.relatives,
		},
		{
			prefix: "podman://", takes: "NAME",
			about: "an image of podman",
			docs:  "podman, through its socket or from its store",
			open:  podman.open, named: true, chosen: engine.PodmanChosen,
			place: podman.name, list: podman.list, diffIDs: podman.diffIDs, relatives: podman.relatives,
		},
		{
			prefix: "containerd://", takes: "[NAMESPACE/]NAME",
			about: "an image of containerd: nerdctl, k3s, Kubernetes",
			docs:  "containerd (nerdctl, k3s, RKE2, Kubernetes nodes, Docker's own), through its socket or from its folders",
			open:  openContainerd, named: true, chosen: engine.ContainerdChosen,
			place: containerdPrefix, list: (*lister).containerd, diffIDs: containerdDiffIDs,
		},
		{
			prefix: "registry://", takes: "NAME",
			about: "an image in a registry, without an engine",
			docs:  "a registry, without an engine, with the credentials, mirrors and certificates of Docker, podman and containerd",
			open:  openRegistry, named: true, remote: true,
			place: "a registry",
		},
		{
			prefix: "container://", takes: "[ENGINE/]NAME",
			about: "a container: its image, with its own layer on top",
			docs:  "a container of Docker, podman or containerd, running or not: its image, with the container's own layer on top",
			open:  openContainer,
			place: "containers", list: listContainers, containers: true,
		},
		{
			prefix: "docker-archive:", takes: "FILE[:TAG]",
			about: "an archive as docker save writes it",
			open:  openAs(dockerForm),
		},
		{
			prefix: "oci-archive:", takes: "FILE[:TAG]",
			about: "an OCI layout in an archive",
			open:  openAs(ociForm),
		},
		{
			prefix: "oci:", takes: "DIR[:TAG]",
			about: "an OCI layout in a directory",
			open:  openAs(ociForm),
		},
		{
			prefix: dirPrefix, takes: "PATH",
			about: "a folder with a root filesystem, as one layer",
			docs:  "a folder with a root filesystem, as one layer; an image, if skopeo has written one to it (`dir:`)",
			open:  openDir,
		},
		{
			prefix: "rootfs:", takes: "FILE",
			about: "the same in a tar: docker export; - is standard input",
			docs:  "a tar of a root filesystem, as `docker export` and debootstrap write it, plain or packed; `rootfs:-` is standard input",
			open:  openRootfs,
		},
		{
			prefix: "index:", takes: "FILE",
			about: "what peel index wrote: an image without contents",
			docs:  "what `peel index` wrote: an image without its contents",
			open:  openIndex,
		},
		{
			prefix: "-",
			about:  "an archive on standard input",
			open:   func(ctx context.Context, o *opener, _ string) (*Image, error) { return o.stdin(ctx) },
		},
		{
			takes: "FILE[:TAG], DIR[:TAG]",
			about: "any of these files, recognized by content",
			docs:  "a file or directory, recognized by its content: `docker save`, `podman save`, skopeo (its `dir:` too), kaniko, bazel, OCI layouts; whole or layer by layer plain, gzip or zstd",
			open:  openNamedFile,
			place: "files", list: (*lister).files,
		},
	}
}

// matches reports whether ref is of this kind, by its prefix, and returns what
// follows the prefix. Something must follow if the kind takes anything.
func (k *kind) matches(ref string) (rest string, ok bool) {
	if k.takes == "" {
		return "", ref == k.prefix
	}
	rest, ok = strings.CutPrefix(ref, k.prefix)
	return rest, ok && rest != "" && k.prefix != ""
}

// form is how a reference of this kind is written: "docker://NAME".
func (k *kind) form() string { return k.prefix + k.takes }

// kindOf returns the kind that ref names by its prefix, and what follows that;
// nil if it has no known prefix.
func kindOf(ref string) (*kind, string) {
	for _, k := range kinds() {
		if rest, ok := k.matches(ref); ok {
			return &k, rest
		}
	}
	return nil, ""
}

// open opens the image that o.ref names: of the kind that its prefix tells, else
// a file, else the first kind that knows the bare name.
func (o *opener) open(ctx context.Context) (*Image, error) {
	if o.ref == "" {
		return nil, absent("an empty name")
	}
	if k, rest := kindOf(o.ref); k != nil {
		return k.open(ctx, o, rest)
	}
	for _, k := range kinds() {
		if k.takes != "" && o.ref == k.prefix {
			return nil, absent("%q: nothing is named behind it; write %s", o.ref, k.form())
		}
	}
	if scheme, _, ok := strings.Cut(o.ref, "://"); ok {
		return nil, absent("%q: unknown scheme %q; %s", o.ref, scheme+"://", meantScheme(scheme))
	}
	im, err := openNamedFile(ctx, o, o.ref)
	if err == nil || !errors.Is(err, errNoFile) {
		return im, err
	}
	return o.byName(ctx, err)
}

// meantScheme says which scheme an unknown one may be meant for, else all that there
// are.
func meantScheme(scheme string) string {
	var known []string
	for _, k := range kinds() {
		if name, ok := strings.CutSuffix(k.prefix, "://"); ok {
			known = append(known, name)
		}
	}
	if name := alike.Meant(known, strings.ToLower(scheme)); name != "" {
		return "did you mean " + name + "://?"
	}
	return "peel reads " + strings.Join(append(forms(), "NAME"), ", ")
}

// slip says what a bare name was perhaps meant for that begins as references of a kind
// do, but for its slashes: "docker:app:1"; "" of any other.
func slip(ref string) string {
	scheme, rest, ok := strings.Cut(ref, ":")
	for _, k := range kinds() {
		if ok && rest != "" && k.prefix == scheme+"://" {
			return fmt.Sprintf("\n  did you mean %s%s?", k.prefix, rest)
		}
	}
	return ""
}

// forms are the ways to write a reference, in the order of the table.
func forms() []string {
	var out []string
	for _, k := range kinds() {
		out = append(out, k.form())
	}
	return out
}

// byName looks for a bare name in every kind that takes one. If none has it, the
// error tells what each said. noFile is why the name is not that of a file.
func (o *opener) byName(ctx context.Context, noFile error) (*Image, error) {
	tried := []error{noFile}
	sure := true // nobody may have it after all
	for _, k := range kinds() {
		if !k.named || !k.remote && o.Engine != "" && k.place != o.Engine {
			continue
		}
		open := k.open
		if k.remote {
			open = func(ctx context.Context, o *opener, name string) (*Image, error) {
				return o.elsewhere(ctx, &k, name, sure)
			}
		}
		im, err := open(ctx, o, o.ref)
		if err == nil {
			o.tellEngine(&k)
			return im, nil
		}
		// That a registry cannot be reached says nothing of what it has.
		sure = sure && lacking(err) && (!k.remote || errors.Is(err, ErrNotFound))
		if ctx.Err() != nil || errors.Is(err, errListed) {
			return nil, err
		}
		o.Log.Debug("no such image", "in", k.form(), "image", o.ref, "error", err)
		tried = append(tried, err)
	}
	lines := make([]string, len(tried))
	for i, err := range tried {
		lines[i] = "\n  " + strings.ReplaceAll(err.Error(), "\n", "\n  ")
	}
	err := absent("%q: it is neither a file nor an image that can be found; tried:%s%s", o.ref, strings.Join(lines, ""), cmp.Or(slip(o.ref), o.containerHint(ctx)))
	if !sure {
		err = &unsureError{err}
	}
	return nil, err
}

// tellEngine reports that k had the image of a bare name, if k is an engine but it is
// another that the environment names.
func (o *opener) tellEngine(k *kind) {
	if o.OtherEngine == nil || o.Engine != "" || k.chosen == nil || k.chosen() != "" {
		return
	}
	for _, other := range kinds() {
		if other.chosen == nil {
			continue
		}
		if by := other.chosen(); by != "" {
			o.OtherEngine(k.place, other.place, by)
			return
		}
	}
}

// Engines are the names of the engines, in the order in which a bare name is looked
// for.
func Engines() []string {
	var out []string
	for _, k := range kinds() {
		if k.chosen != nil {
			out = append(out, k.place)
		}
	}
	return out
}

// EngineOf returns the engine that a reference asks by its prefix, whichever engine is
// chosen for bare names: "docker" of docker://app and container://docker/web; "" if it
// names none.
func EngineOf(ref string) string {
	k, rest := kindOf(ref)
	switch {
	case k == nil:
		return ""
	case k.chosen != nil:
		return k.place
	case k.containers:
		if first, _, ok := strings.Cut(rest, "/"); ok && first != "" && len(onlyEngine(containerEngines(), first)) > 0 {
			return first
		}
	}
	return ""
}

// errNoFile says that a name is not that of a file, and need not be meant as one.
var errNoFile = errors.New("no such file")

// openNamedFile opens the image of a file or folder that bears no prefix.
func openNamedFile(ctx context.Context, o *opener, ref string) (*Image, error) {
	file, tag, err := splitTag(ref)
	switch {
	case err == nil && tag == "" && isIndexFile(file):
		return openIndex(ctx, o, file)
	case err == nil:
		return o.file(ctx, file, tag, anyForm)
	case looksLikePath(ref):
		return nil, asNotFound(err)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s", errNoFile, ref)
	}
	return nil, fmt.Errorf("%w: %w", errNoFile, err)
}

// openAs returns what opens a file or folder that is said to be of a form.
func openAs(as form) func(context.Context, *opener, string) (*Image, error) {
	return func(ctx context.Context, o *opener, rest string) (*Image, error) { return o.path(ctx, rest, as) }
}

// Help lists the ways to name an image, a line each, for the program's help.
func Help() string {
	const indent, column = "  ", 29
	var b strings.Builder
	for _, k := range kinds() {
		fmt.Fprintf(&b, "%s%-*s  %s\n", indent, column, k.form(), k.about)
	}
	fmt.Fprintf(&b, "%s%-*s  %s\n", indent, column, "NAME", "a file, or else an image of "+enumerated(namedPlaces(), "or"))
	return b.String()
}

// Table is the same as a table in Markdown, for the docs.
func Table() string {
	var b strings.Builder
	b.WriteString("| IMAGE | is read from |\n|---|---|\n")
	row := func(form, about string) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(form, ", ", "`, `"), about)
	}
	for _, k := range kinds() {
		about := k.docs
		if about == "" {
			about = k.about
		}
		row(k.form(), about)
	}
	row("NAME", "a file of that name, or else the first of "+enumerated(namedPlaces(), "and")+" that has it")
	return b.String()
}

// enumerated is "a, b and c".
func enumerated(words []string, and string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " " + and + " " + words[last]
}

// namedPlaces are the kinds that a bare name is looked for in.
func namedPlaces() []string {
	var out []string
	for _, k := range kinds() {
		if k.named {
			out = append(out, k.place)
		}
	}
	return out
}
