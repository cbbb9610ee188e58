package source

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// platform is what an image runs on, in parts. version is the operating
// system's, for Windows "10.0.20348.2582". features are the required features
// ("win32k"), sorted and joined with "+". Source: OCI image-spec,
// image-index.md, "platform".
type platform struct{ os, arch, variant, version, features string }

// described returns the platform in a descriptor; zero if it has none.
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

// String returns "os/architecture[/variant]".
func (p platform) String() string {
	s := p.os + "/" + p.arch
	if p.variant != "" {
		s += "/" + p.variant
	}
	return s
}

// full returns String with the operating system's version and features, in the form that
// parsePlatform reads: "windows/amd64:10.0.20348.2582+win32k".
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

// known reports whether p is a real platform: attestations and the like are listed under
// "unknown/unknown".
func (p platform) known() bool {
	return p.os != "" && p.os != "unknown" && p.arch != "" && p.arch != "unknown"
}

// or returns p with empty parts filled in from other, unless other is a different platform.
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

// tells reports whether p has all the parts needed to decide if it fits w.
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

// parsePlatform parses "os/architecture[/variant][:version[+feature...]]" and containerd's form,
// "os(version+feature)/architecture".
func parsePlatform(s string) (platform, error) {
	text, version, _ := strings.Cut(s, ":")
	if before, rest, ok := strings.Cut(text, "("); ok && version == "" {
		in, after, _ := strings.Cut(rest, ")")
		text, version = before+after, in
	}
	parts := strings.Split(strings.ToLower(text), "/")
	if len(parts) < 2 || len(parts) > 3 {
		return platform{}, fmt.Errorf("platform %q: write os/architecture or os/architecture/variant, as in linux/arm64; for Windows with a version if there are several, as in windows/amd64:10.0.20348", s)
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

// CheckPlatform returns an error unless s has the form of a platform, as Options.Platform takes it.
func CheckPlatform(s string) error {
	_, err := wantedPlatform(s)
	return err
}

// wantedPlatform is the platform that a caller asks for; the zero platform for "".
func wantedPlatform(s string) (platform, error) {
	if s == "" {
		return platform{}, nil
	}
	return parsePlatform(s)
}

// normal maps aliases of an architecture to Go's names and removes a default variant.
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

// hostPlatform returns the platform of an engine on this machine: linux, whatever system peel
// runs on.
func hostPlatform() platform { return platform{os: "linux", arch: runtime.GOARCH} }

// fit returns how well p satisfies the wanted platform w: 0 for not at all,
// more is better. If w has no variant, any fits: no variant is best, then the
// highest. A version may be given in full or by its first numbers
// ("10.0.20348").
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

// hasFeatures reports whether all wanted features are present.
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
