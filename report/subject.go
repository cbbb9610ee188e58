package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/lazy"
)

// A subject is one image of a check, with the names that distinguish it in a document about
// several.
type subject struct {
	*Verdict

	// name is for people, on one line and fit for a terminal.
	name string
	// key is raw and unique in the document, and the same in the next build of the image.
	// Fingerprints and test names include it.
	key string
}

// subjects gives the images of a document their names.
func subjects(vs []*Verdict) []subject {
	all := make([]subject, len(vs))
	count := map[string]int{}
	for i, v := range vs {
		all[i] = subject{Verdict: v, name: v.title()}
		all[i].key = cmp.Or(v.Key, ImageKey(all[i].name))
		count[all[i].key]++
	}
	taken := map[string]bool{}
	for i := range all {
		key := all[i].key
		if count[key] > 1 { // as app:1 and app:2
			key += " " + all[i].name
		}
		all[i].key = key
		for n := 2; taken[all[i].key]; n++ {
			all[i].key = key + "#" + strconv.Itoa(n)
		}
		taken[all[i].key] = true
	}
	return all
}

// title returns the image's name: the check's name for it, else its own.
func (v *Verdict) title() string {
	switch {
	case v.Name != "":
		return clean.Line(v.Name)
	case v.Analysis == nil:
		return "image without a name"
	}
	return title(v.Analysis.Image)
}

// A tag, and a digest, at the end of an image's name.
// Source: the OCI distribution specification, "Pulling manifests".
var (
	imageDigest = lazy.New(`@[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}$`)
	imageTag    = lazy.New(`:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
	imageScheme = lazy.New(`^[a-z][a-z-]*://`)
)

// ImageKey returns the part of an image's name that stays the same between builds: its
// repository. Pipelines often tag images by commit.
func ImageKey(name string) string {
	key := imageScheme.ReplaceAllString(name, "")
	key = imageDigest.ReplaceAllString(key, "")
	key = imageTag.ReplaceAllString(key, "")
	return cmp.Or(key, name)
}

// prints gives the findings of a document fingerprints.
type prints map[string]int

// of returns a fingerprint of 64 hexadecimal digits: a hash of the image, the
// rule and the finding. It is the same in every build with the finding, and
// unique in a document.
func (p prints) of(key string, f *analyze.Finding) string {
	text := strings.Join([]string{"peel", key, f.Rule, f.ID}, "\x00")
	if p[text]++; p[text] > 1 {
		text += "\x00" + strconv.Itoa(p[text])
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// A found is a finding with its image.
type found struct {
	*analyze.Finding
	of *subject

	// waived says why the finding no longer counts; nil if it counts.
	waived *analyze.Waived
}

// findings returns the findings of all images, the most severe first, then those with most bytes.
func findings(all []subject) []found {
	var out []found
	for i := range all {
		s := &all[i]
		list := s.findings()
		for k := range list {
			out = append(out, found{Finding: &list[k], of: s})
		}
	}
	if len(all) > 1 {
		slices.SortStableFunc(out, func(a, b found) int {
			return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Bytes, a.Bytes))
		})
	}
	return out
}

// fallbacks are the files for each image's findings without a line.
func fallbacks(all []subject) map[*subject]string {
	files := map[*subject]string{}
	for i := range all {
		files[&all[i]] = commonFile(all[i].findings())
	}
	return files
}

// waived returns the findings of all images that no longer count.
func waived(all []subject) []found {
	var out []found
	for i := range all {
		s := &all[i]
		if s.Outcome == nil {
			continue
		}
		for k := range s.Outcome.Waived {
			x := &s.Outcome.Waived[k]
			out = append(out, found{Finding: &x.Finding, of: s, waived: x})
		}
	}
	return out
}
