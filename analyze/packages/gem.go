package packages

import (
	"io"
	"path"
	"regexp"
	"strings"
)

// Ruby's gems: specifications/NAME.gemspec says what gems/NAME is; extensions that
// were built lie in extensions/PLATFORM/VERSION/NAME.
// Source: guides.rubygems.org, "Specification Reference".
var gemSpec = &kind{
	name: "gem", typ: "gem", suffixes: []string{".gemspec"}, most: 4 << 20,
	fits: func(p string) bool {
		dir := path.Dir(p)
		return path.Base(dir) == "specifications" || path.Base(dir) == "default" && path.Base(path.Dir(dir)) == "specifications"
	},
	draw: drawGem,
}

var (
	gemName    = regexp.MustCompile(`(?m)^\s*\w+\.name\s*=\s*["']([^"'\n]{1,200})["']`)
	gemVersion = regexp.MustCompile(`(?m)^\s*\w+\.version\s*=\s*(?:Gem::Version\.new\s*\(?\s*)?["']([^"'\n]{1,200})["']`)
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
	if m := gemName.FindSubmatch(text); m != nil {
		name = string(m[1])
	}
	if m := gemVersion.FindSubmatch(text); m != nil {
		version = string(m[1])
	}
	f.pkg(name, version, "", "")
	dir := path.Dir(p)
	f.self()
	if path.Base(dir) == "specifications" { // the files of a default gem are Ruby's own
		f.tree(path.Join(path.Dir(dir), "gems", full))
	}
	return nil
}
