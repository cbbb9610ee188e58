package analyze

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/lazy"
)

// A cacheRule says how the step that writes a class of files can keep them out of the image.
type cacheRule struct {
	only    *lazy.Regexp // the directories it applies to
	delete  []string     // what to delete in the directory, in shell syntax; none: everything
	tool    *lazy.Regexp // matches steps that read and write the files
	program dockerfile.Program
	option  string       // option of the program that has the same effect, or ""
	unless  *lazy.Regexp // matches steps for which the option is not enough
}

// cacheRules apply to files, by class, that only the tool that wrote them reads. Later steps of
// the image may need files of a package manager: see reusing.
var cacheRules = map[string]cacheRule{
	"apt-lists": {only: lazy.New(`^/var/lib/apt/lists$`), delete: []string{"*"}, tool: lazy.New(`\bapt(?:-get|-cache|itude)?\s`)},
	"apt-cache": {only: lazy.New(`^/var/cache/apt$`), delete: []string{"archives/*.deb", "*.bin"}, tool: lazy.New(`\bapt(?:-get|-cache|itude)?\s`)},
	"apk-cache": {
		only: lazy.New(`^/var/cache/apk$`), delete: []string{"*"}, tool: lazy.New(`\bapk\s`),
		program: dockerfile.Apk, option: "--no-cache", unless: lazy.New(`\bapk\b[^;&|]*\b(?:update|upgrade)\b|--no-cache|--update`),
	},
	"dnf-cache":    {only: lazy.New(`^/var/cache/(?:dnf|yum|libdnf5)$`), delete: []string{"*"}, tool: lazy.New(`\b(?:micro)?(?:dnf5?|yum)\s`)},
	"zypper-cache": {only: lazy.New(`^/var/cache/zypp$`), delete: []string{"*"}, tool: lazy.New(`\bzypper\s`)},
	"pip-cache": {
		only: lazy.New(`/\.cache/pip$`), tool: lazy.New(`\bpip3?\s`),
		program: dockerfile.Pip, option: "--no-cache-dir", unless: lazy.New(`--no-cache-dir`),
	},
	"npm-cache":      {only: lazy.New(`/\.npm/_(?:cacache|logs)$|/\.cache/node-gyp$|/\.node-gyp$`), tool: lazy.New(`\b(?:npm|npx|node-gyp)\s`)},
	"yarn-cache":     {only: lazy.New(`/\.cache/yarn$`), tool: lazy.New(`\byarn\b`)},
	"composer-cache": {only: lazy.New(`/\.(?:composer/cache|cache/composer)$`), tool: lazy.New(`\bcomposer\b`)},
	"gem-cache":      {only: lazy.New(`/cache$`), tool: lazy.New(`\b(?:gem|bundle)\s`)},
}

// plainPath matches paths that need no quoting in a shell.
var plainPath = lazy.New(`^/[A-Za-z0-9/._+-]+$`)

// mostRoots is the maximum number of directories that one step deletes.
const mostRoots = 4

// leaveOutCache keeps files of a class out of the image in the steps that write them. by is the
// layer that hides them, or the writing step itself for visible files. With merge set, it merges
// steps if later steps use the files.
func (x *fixer) leaveOutCache(c class, carriers []int, by int, merge bool) (*edition, error) {
	about := c.about()
	rule, ok := cacheRules[about.id]
	if !ok {
		return nil, fmt.Errorf("a later step, or a program of the image, may read %s", about.what)
	}
	e := &edition{change: change{gone: -1}}
	for _, layer := range carriers {
		if x.word(layer) != "RUN" {
			return nil, fmt.Errorf("a %s brings them, not a command", x.word(layer))
		}
		last := x.reusing(&rule, layer, by)
		if last > layer && !merge {
			return nil, fmt.Errorf("the step of layer %d uses them", last)
		}
		if err := x.leaveOut(e, c, &rule, layer, last); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(carriers, by) && rule.tool.MatchString(x.ad.step(by).text) {
		e.change.covered, e.change.unwritten = x.hiddenBy(e.change.covered, by), x.hiddenBy(e.change.unwritten, by)
	}
	return x.made(e.change, e.edits...)
}

// hiddenBy returns the versions that layer by or a lower one hides. If by's step uses the cache,
// it will rewrite the others when it finds them missing.
func (x *fixer) hiddenBy(ids []int32, by int) []int32 {
	return slices.DeleteFunc(ids, func(i int32) bool {
		return i >= 0 && x.t.carried(i) > 0 && int(x.t.deadFrom(&x.t.versions[i])) > by
	})
}

// reusing returns the last layer, below the one that hides a layer's files of a class, whose step
// may read the files or rewrite missing ones. It returns the layer itself if no step does.
func (x *fixer) reusing(rule *cacheRule, layer, by int) int {
	end := by
	if by == layer {
		end = len(x.t.layers)
	}
	last := layer
	for l := layer + 1; l < end; l++ {
		if rule.tool.MatchString(x.ad.step(l).text) {
			last = l
		}
	}
	return last
}

// leaveOut adds the edit that keeps a layer's files of a class out of it. If a later step, last,
// uses them, it merges the steps up to that one and deletes the files at the end.
func (x *fixer) leaveOut(e *edition, c class, rule *cacheRule, layer, last int) error {
	line, err := x.line(layer)
	if err != nil {
		return err
	}
	roots, err := x.roots(c, layer, rule.only)
	if err != nil {
		return err
	}
	if err := x.cachesOnlyHere(rule, line, roots); err != nil {
		return err
	}
	if last == layer && rule.option != "" && !rule.unless.MatchString(x.ad.step(layer).text) {
		edit := dockerfile.Edit{Kind: dockerfile.AddOption, Line: line, Program: rule.program, Text: rule.option}
		if _, err := x.file.Edited([]dockerfile.Edit{edit}); err == nil {
			e.edits = append(e.edits, edit)
			e.change.unwritten = append(e.change.unwritten, x.below(roots, layer, nil)...)
			return nil
		}
	}
	var targets []string
	for _, n := range roots {
		at := x.t.Path(n)
		if len(rule.delete) == 0 {
			targets = append(targets, at)
		}
		for _, glob := range rule.delete {
			targets = append(targets, at+"/"+glob)
		}
	}
	until, err := x.line(last)
	if err != nil {
		return err
	}
	if last > layer {
		if err := x.keepsLinks(LayerRange{layer, last}); err != nil {
			return err
		}
		e.edits = append(e.edits, dockerfile.Edit{Kind: dockerfile.MergeRuns, Line: line, Until: until})
		e.change.merge = append(e.change.merge, LayerRange{layer, last})
	}
	remove := dockerfile.Edit{Kind: dockerfile.AddCommand, Line: until, Text: "rm -rf " + strings.Join(targets, " ")}
	if _, err := x.file.Edited([]dockerfile.Edit{remove}); err != nil && last == layer && len(rule.delete) == 0 && x.newBuilder(layer) {
		var flags []string
		for _, at := range targets {
			flags = append(flags, "--mount=type=cache,target="+at)
		}
		e.edits = append(e.edits, dockerfile.Edit{Kind: dockerfile.AddFlags, Line: line, Text: strings.Join(flags, " ")})
		e.change.unwritten = append(e.change.unwritten, x.below(roots, layer, nil)...)
		return nil
	}
	e.edits = append(e.edits, remove)
	for l := layer; l <= last; l++ {
		e.change.covered = append(e.change.covered, x.below(roots, l, rule.delete)...)
	}
	e.change.hides = append(e.change.hides, x.hidden(roots, last, rule.delete)...)
	return nil
}

// cachesOnlyHere says why a step has to keep its caches: another stage uses them. It returns nil if
// none does.
func (x *fixer) cachesOnlyHere(rule *cacheRule, line int, roots []NodeID) error {
	for _, u := range x.file.Uses(line) {
		switch {
		case u.Run != "" && rule.tool.MatchString(u.Run+" "):
			return fmt.Errorf("the RUN on line %d, in another stage, uses them", u.Line)
		case u.Run == "" && x.mayCopy(&u, roots):
			return fmt.Errorf("the instruction on line %d may copy them from this stage", u.Line)
		}
	}
	return nil
}

// mayCopy reports whether an instruction may copy something below the roots from another stage.
func (x *fixer) mayCopy(u *dockerfile.Use, roots []NodeID) bool {
	for _, source := range u.Copies {
		source = path.Join("/", source)
		for _, root := range roots {
			at := x.t.Path(root)
			if source == at || source == "/" || strings.HasPrefix(at, source+"/") || strings.HasPrefix(source, at+"/") {
				return true
			}
		}
	}
	return u.Copies == nil
}

// roots returns the highest directories of a class that contain files of a layer.
func (x *fixer) roots(c class, layer int, only *lazy.Regexp) ([]NodeID, error) {
	t := x.t
	var roots []NodeID
	seen := map[NodeID]bool{}
	for _, i := range x.versionsOf(layer) {
		n := t.versions[i].node
		if x.ad.classes[n] != c || t.versions[i].change == Removed {
			continue
		}
		for x.ad.classes[t.nodes[n].parent] == c {
			n = t.nodes[n].parent
		}
		if seen[n] {
			continue
		}
		seen[n] = true
		at := t.Path(n)
		if !only.MatchString(at) {
			if t.carried(i) > 0 {
				return nil, fmt.Errorf("a program of the image may read %s", gapped(at))
			}
			continue
		}
		if !plainPath.MatchString(at) || len(roots) == mostRoots {
			return nil, fmt.Errorf("there are several of them, or their names are odd: %s", gapped(at))
		}
		roots = append(roots, n)
	}
	if len(roots) == 0 {
		return nil, errNotByEdit
	}
	return roots, nil
}

// below returns a layer's versions at and below nodes; with globs, only those that "rm -rf
// NODE/GLOB" deletes.
func (x *fixer) below(roots []NodeID, layer int, globs []string) []int32 {
	t := x.t
	var ids []int32
	for _, i := range x.versionsOf(layer) {
		if t.versions[i].change == Removed {
			continue
		}
		n, depth := t.versions[i].node, 0
		for ; n != Root && !slices.Contains(roots, n); n = t.nodes[n].parent {
			depth++
		}
		if n == Root || len(globs) > 0 && !deletes(globs, t.Path(t.versions[i].node)[len(t.Path(n)):]) {
			continue
		}
		ids = append(ids, i)
	}
	return ids
}

// hidden returns the versions in lower layers that "rm -rf" in a layer's step deletes.
func (x *fixer) hidden(roots []NodeID, layer int, globs []string) []hide {
	t := x.t
	var hides []hide
	for _, root := range roots {
		start := len(t.Path(root))
		for stack := []NodeID{root}; len(stack) > 0; {
			n := stack[len(stack)-1]
			stack = append(stack[:len(stack)-1], t.Children(n)...)
			if t.at(n, layer-1) != none && (len(globs) == 0 || deletes(globs, t.Path(n)[start:])) {
				hides = append(hides, hide{n, layer})
			}
		}
	}
	return hides
}

// deletes reports whether "rm -rf" with the globs deletes a path relative to their directory:
// "/archives/x.deb". "*" does not match a leading dot.
func deletes(globs []string, rest string) bool {
	parts := strings.Split(strings.TrimPrefix(rest, "/"), "/")
	for _, glob := range globs {
		want := strings.Split(glob, "/")
		fits := rest != "" && len(want) <= len(parts)
		for i := 0; fits && i < len(want); i++ {
			ok, err := path.Match(want[i], parts[i])
			fits = ok && err == nil && (!strings.HasPrefix(want[i], "*") || !strings.HasPrefix(parts[i], "."))
		}
		if fits {
			return true
		}
	}
	return false
}
