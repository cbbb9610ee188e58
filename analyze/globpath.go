package analyze

import "strings"

// Matches reports whether g names an absolute path. A glob that ends in "/**" or "/" names
// what lies below too; any other one, the path alone. Exceptions match nothing.
func (g Glob) Matches(path string) bool {
	if g.except || !strings.HasPrefix(path, "/") {
		return false
	}
	if strings.HasSuffix(g.text, "/**") || strings.HasSuffix(g.text, "/") {
		return g.covers(path)
	}
	for _, p := range g.any {
		if p.names(path) {
			return true
		}
	}
	return false
}

// IsException reports whether g begins with "!".
func (g Glob) IsException() bool { return g.except }

// names reports whether p names an absolute path itself.
func (p *pathGlob) names(path string) bool {
	state := p.start()
	for name := range strings.SplitSeq(path[1:], "/") {
		if name != "" { // that of the root
			state = p.step(state, func(part int) bool { return p.parts[part].matches(name) })
		}
		if state == 0 {
			return false
		}
	}
	return p.matched(state)
}

// Prefix returns what all paths that g names begin with, "/" at least: "/usr/lib/x" of
// "/usr/lib/x*.so".
func (g Glob) Prefix() string {
	common := ""
	for i, p := range g.any {
		prefix := p.prefix()
		if i == 0 {
			common = prefix
		}
		for !strings.HasPrefix(prefix, common) {
			common = common[:len(common)-1]
		}
	}
	if common == "" {
		return "/"
	}
	return common
}

func (p *pathGlob) prefix() string {
	prefix := ""
	for i := range p.parts {
		part := &p.parts[i]
		if p.deep>>i&1 != 0 {
			return prefix + "/"
		}
		prefix += "/" + part.head
		if part.form != plainName {
			break
		}
	}
	return prefix
}
