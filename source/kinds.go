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

// A kind is one kind of image source. To add one, write a file with its
// functions and add a row to kinds. Open, the picker, "peel images", the search
// for a base image, error messages, help and the table in the README all use
// that row.
type kind struct {
	// prefix starts a reference of this kind: "docker://". If takes is empty, it is the whole
	// reference. "" for references without a prefix.
	prefix string
	takes  string // what follows the prefix, for people: "NAME", "FILE[:TAG]"
	about  string // what it reads, for help: a noun phrase
	docs   string // the same in Markdown for the docs; "" to use about

	// open opens the image that the rest of the reference names.
	open func(ctx context.Context, o *opener, rest string) (*Image, error)

	// named says that a bare NAME is also looked up in this kind, in table order.
	named bool

	// chosen returns the setting (an environment variable or an engine's configuration) that
	// selects the engine of this kind, for messages: "DOCKER_HOST". "" if none does. Nil if the
	// kind is not an engine.
	chosen func() string

	// remote says that opening an image sends a request to another machine. A bare NAME is looked
	// up there only if no other kind has it.
	remote bool

	// list lists the images of this kind on this machine; nil if they can't be listed. place is
	// its name in the picker and in LocalImage.Engine.
	list  func(l *lister, ctx context.Context) ([]LocalImage, error)
	place string

	containers bool // list returns containers

	// diffIDs returns the diffIDs of the image that the rest of the reference
	// names, lowest first, without reading layers. Nil if the image has to be
	// opened for that.
	diffIDs func(ctx context.Context, im *Image, rest string) ([]string, error)

	// relatives returns the images of this kind whose layers are an image's lowest. Nil if every
	// image would have to be opened. See Image.Relatives.
	relatives func(ctx context.Context, im *Image) ([]Relative, error)
}

// kinds returns the kinds of source in the order of the help and of the lookup
// of bare names. It is a function because its rows refer to Open, which uses
// the rows.
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
			prefix: objectPrefix, takes: "BUCKET/KEY[:TAG]",
			about: "an archive or an OCI layout in an object store",
			docs:  "an archive or an OCI layout in a bucket of an object store with the S3 API, of which only the parts needed are fetched; the environment names the store and the credentials as for Amazon's tools",
			open:  openObject,
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

// matches reports whether ref has the prefix of this kind, and returns the rest. The rest must
// not be empty if the kind takes an argument.
func (k *kind) matches(ref string) (rest string, ok bool) {
	if k.takes == "" {
		return "", ref == k.prefix
	}
	rest, ok = strings.CutPrefix(ref, k.prefix)
	return rest, ok && rest != "" && k.prefix != ""
}

// form returns the form of a reference of this kind: "docker://NAME".
func (k *kind) form() string { return k.prefix + k.takes }

// kindOf returns the kind whose prefix ref has, and the rest of ref. Nil if ref has no known
// prefix.
func kindOf(ref string) (*kind, string) {
	for _, k := range kinds() {
		if rest, ok := k.matches(ref); ok {
			return &k, rest
		}
	}
	return nil, ""
}

// open opens the image that o.ref names: by the kind of its prefix, else as a file, else by the
// first kind that knows the bare name.
func (o *opener) open(ctx context.Context) (*Image, error) {
	if o.ref == "" {
		return nil, absent("an empty name")
	}
	if k, rest := kindOf(o.ref); k != nil {
		return k.open(ctx, o, rest)
	}
	for _, k := range kinds() {
		if k.takes != "" && o.ref == k.prefix {
			return nil, absent("%q: the name is missing; write %s", o.ref, k.form())
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

// meantScheme suggests the scheme that an unknown one may have been meant for, else lists all
// schemes.
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

// slip suggests a reference for a bare name that starts like one but lacks the slashes:
// "docker:app:1". "" for other names.
func slip(ref string) string {
	scheme, rest, ok := strings.Cut(ref, ":")
	for _, k := range kinds() {
		if ok && rest != "" && k.prefix == scheme+"://" {
			return fmt.Sprintf("\n  did you mean %s%s?", k.prefix, rest)
		}
	}
	return ""
}

// forms returns the forms of references in table order.
func forms() []string {
	var out []string
	for _, k := range kinds() {
		out = append(out, k.form())
	}
	return out
}

// byName looks up a bare name in every kind that accepts one. If none has it, the error lists the
// answer of each. noFile is why the name is not a file.
func (o *opener) byName(ctx context.Context, noFile error) (*Image, error) {
	tried := []error{noFile}
	sure := true // certain that none has it
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
		// An unreachable registry says nothing about its images.
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
	err := absent("%q: no such file or image; tried:%s%s", o.ref, strings.Join(lines, ""), cmp.Or(slip(o.ref), o.containerHint(ctx)))
	if !sure {
		err = &unsureError{err}
	}
	return nil, err
}

// tellEngine reports that engine k had the image of a bare name although the environment names
// another engine.
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

// Engines returns the names of the engines in the order in which a bare name is looked up.
func Engines() []string {
	var out []string
	for _, k := range kinds() {
		if k.chosen != nil {
			out = append(out, k.place)
		}
	}
	return out
}

// EngineOf returns the engine in the prefix of a reference: "docker" for docker://app and
// container://docker/web. "" if the reference names none.
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

// errNoFile says that a name is not a file, and may not be meant as one.
var errNoFile = errors.New("no such file")

// openNamedFile opens the image in a file or folder given without a prefix.
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

// openAs returns a function that opens a file or folder in a stated format.
func openAs(as form) func(context.Context, *opener, string) (*Image, error) {
	return func(ctx context.Context, o *opener, rest string) (*Image, error) { return o.path(ctx, rest, as) }
}

// Help lists the forms of image references, one a line, for the program's help.
func Help() string {
	const indent, column = "  ", 29
	var b strings.Builder
	for _, k := range kinds() {
		fmt.Fprintf(&b, "%s%-*s  %s\n", indent, column, k.form(), k.about)
	}
	fmt.Fprintf(&b, "%s%-*s  %s\n", indent, column, "NAME", "a file, or else an image of "+enumerated(namedPlaces(), "or"))
	return b.String()
}

// Table returns the same list as a Markdown table for the docs.
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

// enumerated joins words as "a, b and c".
func enumerated(words []string, and string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " " + and + " " + words[last]
}

// namedPlaces returns the kinds in which a bare name is looked up.
func namedPlaces() []string {
	var out []string
	for _, k := range kinds() {
		if k.named {
			out = append(out, k.place)
		}
	}
	return out
}
