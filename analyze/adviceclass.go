package analyze

import (
	"strings"
)

// A class is a known kind of path, recognized by location: a package manager's cache,
// documentation, ... Index in classes; noClass for all other paths.
type class uint8

const noClass class = 0

// A classInfo describes how to recognize the paths of a class and what to do about them.
// Everything below a directory of a class belongs to the class too.
type classInfo struct {
	id     string // in IDs
	what   string // for titles, in the plural
	advice string // how to keep it out of the image

	paths  []string // absolute; a component "*" matches any name
	homes  []string // below any home directory: /root, /home/*, and / for images without one
	names  []string // of directories anywhere; two components are a directory and its parent
	suffix []string // of files anywhere

	unwanted  bool // worth a note if visible in the image
	rewritten bool // reported separately if overwritten
	kept      bool // every installing step rewrites it, so the base's version is always lost
	along     bool // deleted as a side effect of other deletions in the same step
}

// aptMounts are the cache mounts that keep apt's files out of the image. Two builds must not
// share them at the same time. In Debian's and Ubuntu's images, docker-clean must be removed, or
// packages are deleted right after installation. Source: the Dockerfile reference, "RUN
// --mount=type=cache", example "cache apt packages".
const aptMounts = "RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update && apt-get install ..."

func (c class) about() *classInfo { return &classes[c] }

// classes are the locations that Advise knows. The first match counts.
var classes = []classInfo{
	noClass: {},
	{
		id: "git", what: "Git repositories", names: []string{".git"}, unwanted: true,
		advice: "List `.git` in `.dockerignore`. Where a step clones, clone in a separate stage and `COPY --from` what is needed, or delete `.git` in the same `RUN`.",
	},
	{
		id: "apt-lists", what: "apt's package lists", paths: []string{"/var/lib/apt/lists"}, unwanted: true, rewritten: true,
		advice: "End the `RUN` that fetches them with `&& rm -rf /var/lib/apt/lists/*`, or keep them out with cache mounts (`" + aptMounts + "`).",
	},
	{
		id: "apt-cache", what: "apt's caches", paths: []string{"/var/cache/apt"}, unwanted: true, rewritten: true,
		advice: "End the `RUN` that fills them with `&& apt-get clean && rm -rf /var/cache/apt/*.bin /var/lib/apt/lists/*`, or keep them out with cache mounts (`" + aptMounts + "`).",
	},
	{
		id: "apk-cache", what: "apk's caches", paths: []string{"/var/cache/apk", "/etc/apk/cache"}, unwanted: true, rewritten: true,
		advice: "Use `apk add --no-cache`.",
	},
	{
		id: "dnf-cache", what: "caches of dnf or yum", unwanted: true, rewritten: true,
		paths:  []string{"/var/cache/dnf", "/var/cache/yum", "/var/cache/libdnf5", "/var/lib/dnf/repos"},
		advice: "End the `RUN` that installs with `&& dnf clean all` (`yum clean all`), or keep them out with `RUN --mount=type=cache,target=/var/cache/dnf,sharing=locked`.",
	},
	{
		id: "zypper-cache", what: "zypper's caches", paths: []string{"/var/cache/zypp"}, unwanted: true, rewritten: true,
		advice: "End the `RUN` that installs with `&& zypper clean --all`.",
	},
	{
		id: "pacman-cache", what: "pacman's caches", paths: []string{"/var/cache/pacman", "/var/lib/pacman/sync"}, unwanted: true, rewritten: true,
		advice: "End the `RUN` that installs with `&& rm -rf /var/cache/pacman/pkg/* /var/lib/pacman/sync/*`.",
	},
	{
		id: "pip-cache", what: "pip's caches", homes: []string{".cache/pip"}, unwanted: true, rewritten: true,
		advice: "Use `pip install --no-cache-dir`, or `RUN --mount=type=cache,target=/root/.cache/pip`.",
	},
	{
		id: "python-cache", what: "caches of Python's package managers", unwanted: true, rewritten: true,
		homes:  []string{".cache/uv", ".cache/pypoetry", ".cache/pipenv"},
		advice: "Keep them out with `RUN --mount=type=cache,target=/root/.cache`, or turn them off: `uv --no-cache`, `poetry install --no-cache`.",
	},
	{
		id: "conda-cache", what: "conda's packages", unwanted: true,
		paths:  []string{"/opt/conda/pkgs", "/opt/miniconda/pkgs", "/opt/miniconda3/pkgs"},
		homes:  []string{"miniconda3/pkgs", "anaconda3/pkgs", ".conda/pkgs"},
		advice: "End the `RUN` that installs with `&& conda clean --all --yes`.",
	},
	{
		id: "npm-cache", what: "npm's caches", homes: []string{".npm/_cacache", ".npm/_logs", ".cache/node-gyp", ".node-gyp"}, unwanted: true, rewritten: true,
		advice: "End the `RUN` that installs with `&& npm cache clean --force`, or use `RUN --mount=type=cache,target=/root/.npm`.",
	},
	{
		id: "yarn-cache", what: "yarn's caches", unwanted: true, rewritten: true,
		paths:  []string{"/usr/local/share/.cache/yarn"},
		homes:  []string{".cache/yarn", ".yarn/berry/cache"},
		advice: "End the `RUN` that installs with `&& yarn cache clean`, or use `RUN --mount=type=cache` for yarn's cache folder.",
	},
	{
		id: "pnpm-store", what: "pnpm's stores", homes: []string{".pnpm-store", ".cache/pnpm"}, unwanted: true,
		advice: "Keep the store out with `RUN --mount=type=cache,target=/pnpm/store`, or end the `RUN` with `&& pnpm store prune`.",
	},
	{
		id: "node-cache", what: "caches of Node's build tools", names: []string{"node_modules/.cache"}, unwanted: true,
		advice: "Build in a separate stage and `COPY --from` what it made, or delete `node_modules/.cache` in the same `RUN`.",
	},
	{
		id: "go-cache", what: "Go's caches", homes: []string{".cache/go-build", "go/pkg/mod", "go/pkg/sumdb"}, unwanted: true,
		advice: "Build in a separate stage and `COPY --from` the program, or use `RUN --mount=type=cache,target=/root/.cache/go-build --mount=type=cache,target=/go/pkg/mod`.",
	},
	{
		id: "cargo-cache", what: "cargo's caches", unwanted: true,
		paths:  []string{"/usr/local/cargo/registry", "/usr/local/cargo/git"},
		homes:  []string{".cargo/registry", ".cargo/git"},
		advice: "Build in a separate stage and `COPY --from` the program, or use `RUN --mount=type=cache,target=/usr/local/cargo/registry`.",
	},
	{
		id: "java-cache", what: "caches of Maven, Gradle or sbt", unwanted: true,
		homes:  []string{".m2/repository", ".gradle/caches", ".gradle/wrapper", ".ivy2/cache", ".cache/coursier"},
		advice: "Build in a separate stage and `COPY --from` what it made, or use `RUN --mount=type=cache,target=/root/.m2` (`/root/.gradle`).",
	},
	{
		id: "gem-cache", what: "caches of Ruby's gems", unwanted: true,
		paths:  []string{"/usr/local/bundle/cache", "/usr/local/lib/ruby/gems/*/cache", "/var/lib/gems/*/cache", "/usr/local/bundle/ruby/*/cache"},
		homes:  []string{".bundle/cache"},
		advice: "Use `gem install --no-document` and delete the cache in the same `RUN`: `&& rm -rf /usr/local/bundle/cache`.",
	},
	{
		id: "composer-cache", what: "composer's caches", homes: []string{".composer/cache", ".cache/composer"}, unwanted: true,
		advice: "Set `COMPOSER_CACHE_DIR=/dev/null` for the `RUN`, or use `RUN --mount=type=cache` for it.",
	},
	{
		id: "nuget-cache", what: "NuGet's packages", homes: []string{".nuget/packages", ".local/share/NuGet"}, unwanted: true,
		advice: "Build in a separate stage and `COPY --from` what it published.",
	},
	{
		id: "docs", what: "documentation", along: true,
		paths: []string{
			"/usr/share/doc", "/usr/share/man", "/usr/share/info", "/usr/share/gtk-doc", "/usr/share/help", "/usr/share/locale",
			"/usr/local/share/doc", "/usr/local/share/man", "/usr/local/man", "/usr/local/share/info",
		},
		advice: "Delete it in the `RUN` that installs it, or keep it from being unpacked: `path-exclude` in `/etc/dpkg/dpkg.cfg.d`, `dnf --setopt=tsflags=nodocs`, `gem --no-document`.",
	},
	{
		id: "bytecode", what: "Python's compiled files", names: []string{"__pycache__"}, suffix: []string{".pyc", ".pyo"}, along: true,
		advice: "Set `ENV PYTHONDONTWRITEBYTECODE=1` and use `pip install --no-compile`, so that they are never written.",
	},
	{
		id: "package-files", what: "package files", suffix: []string{".deb", ".rpm", ".apk", ".whl"}, along: true,
		advice: "Install and delete them in one `RUN`, or without copying them: `RUN --mount=type=bind,source=...,target=...`.",
	},
	{
		id: "archives", what: "archives", along: true,
		suffix: []string{".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst", ".zip", ".7z"},
		advice: "Fetch, unpack and delete them in one `RUN` (`curl ... | tar -x`), or without copying them: `RUN --mount=type=bind`; `ADD` unpacks local tar archives by itself.",
	},
	{
		id: "package-database", what: "the package database", rewritten: true, kept: true, along: true,
		paths:  []string{"/var/lib/dpkg", "/var/lib/rpm", "/usr/lib/sysimage/rpm", "/lib/apk/db", "/usr/lib/apk/db", "/var/lib/pacman/local", "/var/cache/debconf"},
		advice: "Install all packages in one `RUN`: every step that installs writes the whole database again.",
	},
	{
		id: "logs", what: "logs", paths: []string{"/var/log"}, rewritten: true, kept: true, along: true,
		advice: "Delete them in the `RUN` that writes them.",
	},
	{
		id: "temporary", what: "temporary files", paths: []string{"/tmp", "/var/tmp"}, along: true,
		advice: "Delete them in the `RUN` that makes them, or use `RUN --mount=type=tmpfs,target=/tmp`.",
	},
}

// homes are the parents of caches in home directories.
var homes = []string{"/root", "/home/*", "/"}

// classify determines the class of every node.
func classify(t *Tree) []class {
	known := make([]class, len(t.nodes))
	for c := len(classes) - 1; c > 0; c-- { // so that the first match wins
		for _, p := range classes[c].paths {
			t.glob(p, func(n NodeID) { known[n] = class(c) })
		}
		for _, home := range homes {
			for _, p := range classes[c].homes {
				t.glob(home+"/"+p, func(n NodeID) { known[n] = class(c) })
			}
		}
	}
	names := newClassNames()
	for n := 1; n < len(t.nodes); n++ {
		x := &t.nodes[n]
		if c := known[x.parent]; c != noClass {
			known[n] = c
		} else if known[n] == noClass {
			known[n] = names.class(t, NodeID(n))
		}
	}
	return known
}

// classNames finds a class by a node's name.
type classNames struct {
	dirs   map[string]class // by name
	below  map[string]class // by the parent's name and its own
	suffix map[string]class // by the part after the last dot, or the last but one
}

func newClassNames() *classNames {
	d := &classNames{map[string]class{}, map[string]class{}, map[string]class{}}
	for c := len(classes) - 1; c > 0; c-- {
		for _, name := range classes[c].names {
			if strings.Contains(name, "/") {
				d.below[name] = class(c)
			} else {
				d.dirs[name] = class(c)
			}
		}
		for _, s := range classes[c].suffix {
			d.suffix[s] = class(c)
		}
	}
	return d
}

// class returns the class of n's name: by the whole name for a directory, by the suffix for a
// file.
func (d *classNames) class(t *Tree, n NodeID) class {
	name := t.nameView(n)
	if t.hasChildren(n) {
		if c := d.dirs[name]; c != noClass {
			return c
		}
		for pair, c := range d.below {
			parent, own, _ := strings.Cut(pair, "/")
			if own == name && t.nameView(t.nodes[n].parent) == parent {
				return c
			}
		}
		return noClass
	}
	dot := strings.LastIndexByte(name, '.')
	if dot <= 0 {
		return noClass
	}
	if c := d.suffix[name[dot:]]; c != noClass {
		return c
	}
	if dot = strings.LastIndexByte(name[:dot], '.'); dot > 0 {
		return d.suffix[name[dot:]]
	}
	return noClass
}

// glob calls f for each node that matches a path in which "*" stands for any component.
func (t *Tree) glob(path string, f func(NodeID)) {
	at := []NodeID{Root}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" {
			continue
		}
		var next []NodeID
		for _, n := range at {
			if part == "*" {
				next = append(next, t.Children(n)...)
			} else if child, ok := t.child(n, part); ok {
				next = append(next, child)
			}
		}
		at = next
	}
	for _, n := range at {
		f(n)
	}
}
