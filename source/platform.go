package source

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// platform is what an image runs on, in parts. The version is the operating
// system's, of Windows "10.0.20348.2582"; the features are those that it must
// have ("win32k"), sorted, with a "+" between them.
// Source: OCI image-spec, image-index.md, "platform".
type platform struct{ os, arch, variant, version, features string }

// described is the platform that a descriptor names; zero if it is silent.
func described(p *ocispec.Platform) platform {
	if p == nil {
		return platform{}
	}
	return platform{p.OS, p.Architecture, p.Variant, p.OSVersion, joinFeatures(p.OSFeatures)}
}

func joinFeatures(features []string) string {
	features = slices.Clone(features)
	slices.Sort(features)
	return strings.Join(features, "+")
}

// String is "os/architecture[/variant]".
func (p platform) String() string {
	s := p.os + "/" + p.arch
	if p.variant != "" {
		s += "/" + p.variant
	}
	return s
}

// full is String with the operating system's version and features, as
// parsePlatform reads it: "windows/amd64:10.0.20348.2582+win32k".
func (p platform) full() string {
	s := p.String()
	if p.version != "" || p.features != "" {
		s += ":" + p.version
	}
	if p.features != "" {
		s += "+" + p.features
	}
	return s
}

// known reports whether p is one that something could run on: attestations and
// the like are listed under "unknown/unknown".
func (p platform) known() bool {
	return p.os != "" && p.os != "unknown" && p.arch != "" && p.arch != "unknown"
}

// or is p, and where p is silent what other says, if that does not speak of
// something else.
func (p platform) or(other platform) platform {
	if !p.known() {
		return other
	}
	a, b := p.normal(), other.normal()
	if a.os != b.os || a.arch != b.arch {
		return p
	}
	if p.variant == "" {
		p.variant = other.variant
	}
	if p.version == "" {
		p.version = other.version
	}
	if p.features == "" {
		p.features = other.features
	}
	return p
}

// tells reports whether p says enough to tell if it serves who wants w.
func (p platform) tells(w platform) bool {
	if !p.known() {
		return false
	}
	n := p.normal()
	if n.os != w.os || n.arch != w.arch {
		return true
	}
	return (w.variant == "" || p.variant != "") && (w.version == "" || p.version != "") && (w.features == "" || p.features != "")
}

// parsePlatform reads "os/architecture[/variant][:version[+feature...]]", and
// containerd's way to write the same, "os(version+feature)/architecture".
func parsePlatform(s string) (platform, error) {
	text, version, _ := strings.Cut(s, ":")
	if before, rest, ok := strings.Cut(text, "("); ok && version == "" {
		in, after, _ := strings.Cut(rest, ")")
		text, version = before+after, in
	}
	parts := strings.Split(strings.ToLower(text), "/")
	if len(parts) < 2 || len(parts) > 3 {
		return platform{}, fmt.Errorf("platform %q: write os/architecture or os/architecture/variant, as in linux/arm64; of Windows with a version if there are several, as in windows/amd64:10.0.20348", s)
	}
	if slices.Contains(parts, "") {
		return platform{}, fmt.Errorf("platform %q: a part of it is empty", s)
	}
	p := platform{os: parts[0], arch: parts[1]}
	if len(parts) == 3 {
		p.variant = parts[2]
	}
	version, features, _ := strings.Cut(version, "+")
	p.version = version
	if features != "" {
		p.features = joinFeatures(strings.Split(features, "+"))
	}
	return p.normal(), nil
}

// wantedPlatform is the platform that a caller asks for; the zero platform for "".
func wantedPlatform(s string) (platform, error) {
	if s == "" {
		return platform{}, nil
	}
	return parsePlatform(s)
}

// normal maps the other names of an architecture to Go's, and leaves out a
// variant that says nothing.
func (p platform) normal() platform {
	switch p.arch {
	case "x86_64", "x86-64":
		p.arch = "amd64"
	case "aarch64":
		p.arch = "arm64"
	case "armhf":
		p.arch, p.variant = "arm", "v7"
	case "armel":
		p.arch, p.variant = "arm", "v6"
	}
	if p.arch == "arm64" && (p.variant == "8" || p.variant == "v8") {
		p.variant = ""
	}
	return p
}

// hostPlatform is what an engine here would run: linux, whatever runs peel.
func hostPlatform() platform { return platform{os: "linux", arch: runtime.GOARCH} }

// fit says how well p serves one who wants w: 0 not at all, more is better. A
// variant that is not asked for is any, but rather none, then the highest. A
// version is asked for in full or by its first numbers ("10.0.20348").
func (p platform) fit(w platform) int {
	p = p.normal()
	switch {
	case p.os != w.os || p.arch != w.arch:
		return 0
	case w.version != "" && p.version != w.version && !strings.HasPrefix(p.version, w.version+"."):
		return 0
	case !hasFeatures(p.features, w.features):
		return 0
	case p.variant == w.variant:
		return 1000
	case w.variant != "":
		return 0
	}
	rank := 1
	for _, c := range p.variant {
		if c >= '0' && c <= '9' {
			rank = min(rank*10+int(c-'0'), 900)
		}
	}
	return rank
}

// hasFeatures reports whether all the wanted features are among those there are.
func hasFeatures(has, wanted string) bool {
	if wanted == "" {
		return true
	}
	there := strings.Split(has, "+")
	for f := range strings.SplitSeq(wanted, "+") {
		if !slices.Contains(there, f) {
			return false
		}
	}
	return true
}
