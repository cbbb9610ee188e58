package analyze

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/source"
)

// # Secrets in files
//
// A file is a secret if its content shows one, or, if the content is unknown, by its name. All
// versions count, even covered and deleted ones: anyone who has the image can read them. A path
// counts as one secret between two deletions.

// A secretKey identifies a finding of RuleSecret: the layer that added the files, and what
// happened to them. Files added by one layer and deleted by another share a finding; every other
// file has its own.
type secretKey struct {
	layer int
	node  NodeID // none for deleted files
	by    int    // the layer that hid the last version; -1 if visible
	gone  bool   // deleted and not rewritten
	base  bool   // stored in the base image
}

func (k secretKey) compare(o secretKey) int {
	bit := func(b bool) int { return map[bool]int{true: 1}[b] }
	return cmp.Or(cmp.Compare(k.layer, o.layer), cmp.Compare(k.node, o.node), cmp.Compare(k.by, o.by), cmp.Compare(bit(k.gone), bit(o.gone)), cmp.Compare(bit(k.base), bit(o.base)))
}

// secrets are files with secrets that share a key.
type secrets struct {
	where    commonDir
	bytes    int64
	versions int
	files    int
	known    int          // number of files whose content shows a secret
	names    []namedFile  // the first few
	layers   map[int]bool // that store them
}

// A namedFile is a file with the secrets found in it.
type namedFile struct {
	node   NodeID
	sights []sight // none if only its name is known
}

// namedSecrets is the maximum number of paths in one finding.
const namedSecrets = 3

// A carried file is the layer and the entry that store its content.
type carried struct {
	layer uint16
	entry int32
}

// looks returns what was found in files during the scan of layers.
func (ad *adviser) looks() map[carried]look {
	found := map[carried]look{}
	for k, l := range ad.t.layers {
		for _, f := range l.Facts {
			if f.Collector == secretFacts {
				found[carried{uint16(k), int32(f.Entry)}] = decodeLook(f.Data)
			}
		}
	}
	return found
}

// suspects returns the nodes that may hold secrets, ascending: by name, or because one was found
// in them.
func (ad *adviser) suspects(ctx context.Context, looks map[carried]look) ([]NodeID, error) {
	t := ad.t
	var nodes []NodeID
	for n := 1; n < len(t.nodes); n++ {
		if n%untilRows == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if name := t.name(NodeID(n)); mayHold(name) && namedSecret(t.Path(NodeID(n))) == byName {
			nodes = append(nodes, NodeID(n))
		}
	}
	seen := false
	for _, l := range looks {
		seen = seen || len(l.sights) > 0
	}
	if !seen {
		return nodes, ctx.Err()
	}
	for i := range t.versions {
		if v := &t.versions[i]; v.entry != none && v.kind == source.File && len(looks[carried{v.layer, v.entry}].sights) > 0 {
			nodes = append(nodes, v.node)
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes), ctx.Err()
}

// secretFiles groups the files with secrets by what happened to them.
func (ad *adviser) secretFiles(ctx context.Context) (map[secretKey]*secrets, error) {
	t := ad.t
	looks := ad.looks()
	nodes, err := ad.suspects(ctx, looks)
	if err != nil {
		return nil, err
	}
	found := map[secretKey]*secrets{}
	for _, n := range nodes {
		named := namedSecret(t.Path(n)) == byName
		run := secretRun{node: n}
		from, to := t.versionRange(n)
		for i := from; i < to; i++ {
			v := &t.versions[i]
			if v.change == Removed {
				ad.addSecret(found, &run)
				run = secretRun{node: n}
				continue
			}
			if v.kind != source.File || t.carried(i) == 0 {
				continue
			}
			l, known := looks[carried{v.layer, v.entry}]
			if len(l.sights) > 0 || named && (!known || l.unclear) {
				// In a possible base only content counts; a name is too little evidence.
				base := ad.a.Totals.BaseLayers
				if len(l.sights) > 0 {
					base = ad.a.Base.vouched()
				}
				run.add(i, l.sights, int(v.layer) < base)
			}
		}
		ad.addSecret(found, &run)
	}
	return found, ctx.Err()
}

// A secretRun is the secret versions of a path from one deletion to the next.
type secretRun struct {
	node   NodeID
	own    []int32
	base   []int32
	sights []sight // of all versions
	seen   []sight // of the base's versions
}

func (r *secretRun) add(i int32, sights []sight, base bool) {
	list, all := &r.own, &r.sights
	if base {
		list, all = &r.base, &r.seen
	}
	*list = append(*list, i)
	for _, s := range sights {
		if !slices.ContainsFunc(*all, func(o sight) bool { return o.kind == s.kind }) {
			*all = append(*all, s)
		}
	}
}

// addSecret adds a run to the findings. For files of the base image, only content counts.
func (ad *adviser) addSecret(found map[secretKey]*secrets, run *secretRun) {
	if len(run.own) > 0 {
		ad.addVersions(found, run.node, run.own, run.sights, false)
	}
	if len(run.base) > 0 && len(run.seen) > 0 {
		ad.addVersions(found, run.node, run.base, run.seen, true)
	}
}

func (ad *adviser) addVersions(found map[secretKey]*secrets, n NodeID, versions []int32, sights []sight, base bool) {
	t := ad.t
	k := secretKey{layer: int(t.versions[versions[0]].layer), node: none, by: -1, base: base}
	var bytes int64
	for _, i := range versions {
		v := &t.versions[i]
		bytes += t.carried(i)
		by, cause := t.deadFrom(v), v.cause
		switch {
		case by == notHidden:
			k.by, k.gone = int(notHidden), false
		case int(by) >= k.by:
			k.by, k.gone = int(by), cause == Deleted || cause == Opaque || cause == Replaced
		}
	}
	if k.by == int(notHidden) {
		k.by = -1
	}
	if !k.gone && len(found) < maxFindings {
		k.node = n
	}
	s := found[k]
	if s == nil {
		s = &secrets{where: newCommonDir(ad.nested()), layers: map[int]bool{}}
		found[k] = s
	}
	s.where.add(n, bytes)
	s.bytes += bytes
	s.versions += len(versions)
	for _, i := range versions {
		s.layers[int(t.versions[i].layer)] = true
	}
	s.files++
	if len(sights) > 0 {
		s.known++
	}
	if len(s.names) < namedSecrets {
		s.names = append(s.names, namedFile{n, sights})
	}
}

// namedLayers is the maximum number of layers in one finding.
const namedLayers = 20

// readable returns "layer 6", or "layers 6 and 7".
func (s *secrets) readable() string {
	all := slices.Sorted(maps.Keys(s.layers))
	words := make([]string, 0, namedLayers)
	for _, l := range all[:min(len(all), namedLayers)] {
		words = append(words, strconv.Itoa(l))
	}
	if more := len(all) - namedLayers; more > 0 {
		return "layers " + strings.Join(words, ", ") + fmt.Sprintf(" and %s more", human.Comma(more))
	}
	return pick(len(words) == 1, "layer ", "layers ") + enumerate(words)
}

// kindsOf returns "a private key (line 3) and a GitHub token (line 7)".
func kindsOf(sights []sight) string {
	words := make([]string, len(sights))
	for i, s := range sights {
		if words[i] = s.kind.what; s.line > 0 {
			words[i] += " (line " + strconv.Itoa(s.line) + ")"
		}
	}
	return enumerate(words)
}

// named says which files they are and why: "/app/.env is named like a secret", "/a.pem (a private
// key), /b.key (by its name) and 3 more look like secrets".
func (s *secrets) named(t *Tree) string {
	paths := make([]string, len(s.names))
	for i, f := range s.names {
		paths[i] = t.pathText(f.node)
		switch {
		case s.files == 1 || s.known == 0:
		case len(f.sights) > 0:
			paths[i] += " (" + kindsOf(f.sights) + ")"
		default:
			paths[i] += " (by its name)"
		}
	}
	list := strings.Join(paths, ", ")
	if more := s.files - len(s.names); more > 0 {
		list += fmt.Sprintf(" and %s more", human.Comma(more))
	}
	switch {
	case s.files == 1 && s.known == 1:
		return list + " holds " + kindsOf(s.names[0].sights)
	case s.files == 1:
		return list + " is named like a secret"
	case s.known == s.files:
		return list + " hold secrets"
	case s.known == 0:
		return list + " are named like secrets"
	}
	return list + " look like secrets"
}

// secretFindings makes the findings of RuleSecret: first for files, in the order of their keys,
// then for the image's config and history. The error is ctx's.
func (ad *adviser) secretFindings(ctx context.Context) ([]Finding, error) {
	all, err := ad.secretFiles(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, k := range slices.SortedFunc(maps.Keys(all), secretKey.compare) {
		found = append(found, ad.secretFinding(k, all[k]))
	}
	return append(found, ad.secretSettings()...), ctx.Err()
}

// secretAdvice is the advice for a secret in a file.
const secretAdvice = "Pass it to the step that needs it with `RUN --mount=type=secret`, or use it in a stage that does not ship. Anyone who has the image has the file: if the secret is real, replace it."

// secretFinding returns the finding for the files of one key.
func (ad *adviser) secretFinding(k secretKey, s *secrets) Finding {
	one := s.files == 1
	step := ad.step(k.layer)
	f := Finding{
		Rule: RuleSecret, Severity: Warning, Advice: secretAdvice,
		Path: s.where.path(), Layer: k.layer, Bytes: s.bytes, Versions: s.versions,
		Step: step.text, Line: ad.lines[k.layer],
	}
	parts := []string{strings.TrimPrefix(f.Path, "/")}
	switch {
	case k.by < 0:
		parts = append([]string{"visible"}, parts...)
		f.Title = pick(one, "A secret in the image", "Secrets in the image")
		f.Message = fmt.Sprintf("%s: %s in the image, readable in %s.", s.named(ad.t), pick(one, "it shows", "they show"), s.readable())
	case k.gone:
		f.Title = pick(one, "A deleted secret that still ships", "Deleted secrets that still ship")
		f.Message = fmt.Sprintf("%s: removed in layer %d, still readable in %s.", s.named(ad.t), k.by, s.readable())
	default:
		parts = append([]string{"overwritten"}, parts...)
		f.Title = pick(one, "An overwritten secret that still ships", "Overwritten secrets that still ship")
		f.Message = fmt.Sprintf("%s: overwritten in layer %d, still readable in %s.", s.named(ad.t), k.by, s.readable())
	}
	if copies(step.word) {
		f.Advice = "List it in `.dockerignore`. " + f.Advice
	}
	if k.base {
		parts = append([]string{"base"}, parts...)
		f.Severity, f.OfBase = Note, true
		f.Title += ", of the base image"
		f.Advice = "It comes from the base image: choose another one, or tell its maintainers."
	}
	f.setAdvice(f.Advice)
	f.ID = ad.identity(f, parts...)
	return f
}
