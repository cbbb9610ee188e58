package packages

import (
	"io"
	"path"
	"strings"

	"github.com/peelhq/peel/internal/lazy"
)

// Ruby's gems: specifications/NAME.gemspec describes gems/NAME; compiled extensions are in
// extensions/PLATFORM/VERSION/NAME. Source: guides.rubygems.org, "Specification Reference".
var gemSpec = &kind{
	name: "gem", typ: "gem", suffixes: []string{".gemspec"}, most: 4 << 20,
	fits: func(p string) bool {
		dir := path.Dir(p)
		return path.Base(dir) == "specifications" || path.Base(dir) == "default" && path.Base(path.Dir(dir)) == "specifications"
	},
	draw: drawGem,
}

var (
	gemName    = lazy.New(`(?m)^\s*\w+\.name\s*=\s*["']([^"'\n]{1,200})["']`)
	gemVersion = lazy.New(`(?m)^\s*\w+\.version\s*=\s*(?:Gem::Version\.new\s*\(?\s*)?["']([^"'\n]{1,200})["']`)
)

func drawGem(f *Facts, p string, content io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(content, maxHead))
	if err != nil {
		return err
	}
	full := strings.TrimSuffix(path.Base(p), ".gemspec")
	name, version := full, ""
	if at := strings.LastIndexByte(full, '-'); at > 0 {
		name, version = full[:at], full[at+1:]
	}
	if m := gemName.FindStringSubmatch(string(text)); m != nil {
		name = m[1]
	}
	if m := gemVersion.FindStringSubmatch(string(text)); m != nil {
		version = m[1]
	}
	f.pkg(name, version, "", "")
	dir := path.Dir(p)
	f.self()
	if path.Base(dir) == "specifications" { // files of default gems belong to Ruby itself
		f.tree(path.Join(path.Dir(dir), "gems", full))
	}
	return nil
}
