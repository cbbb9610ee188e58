package source

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// platform is "os/architecture[/variant]" in parts.
type platform struct{ os, arch, variant string }

func (p platform) String() string {
	s := p.os + "/" + p.arch
	if p.variant != "" {
		s += "/" + p.variant
	}
	return s
}

// known reports whether p is one that something could run on: attestations and
// the like are listed under "unknown/unknown".
func (p platform) known() bool {
	return p.os != "" && p.os != "unknown" && p.arch != "" && p.arch != "unknown"
}

func parsePlatform(s string) (platform, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return platform{}, fmt.Errorf("platform %q: it is written os/architecture or os/architecture/variant, as in linux/arm64", s)
	}
	p := platform{os: strings.ToLower(parts[0]), arch: strings.ToLower(parts[1])}
	if len(parts) == 3 {
		p.variant = strings.ToLower(parts[2])
	}
	if slices.Contains(parts, "") {
		return platform{}, fmt.Errorf("platform %q: a part of it is empty", s)
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
// variant that is not asked for is any, but rather none, then the highest.
func (p platform) fit(w platform) int {
	p = p.normal()
	switch {
	case p.os != w.os || p.arch != w.arch:
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
