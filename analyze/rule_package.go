package analyze

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/peelhq/peel/internal/human"
)

// title returns the package's name and version for a sentence.
func (x *Package) title() string {
	if x.Version == "" {
		return gapped(x.Name)
	}
	return gapped(x.Name) + " " + gapped(x.Version)
}

// id identifies the package.
func (x *Package) id() string { return x.Type + ":" + x.Name + "@" + x.Version }

// forbidPackage forbids packages. A package whose files a later layer removes is a note: it can't
// be used, but it ships.
func forbidPackage(ctx context.Context, c *checker, wants []PackageWant) (verdict, error) {
	p, err := c.a.Packages(ctx)
	if err != nil {
		return verdict{}, err
	}
	v := verdict{limit: "none", value: "none", message: "no forbidden package is installed", bound: countOf(0)}
	installed, removed := 0, 0
	for i := range p.Rows {
		x := &p.Rows[i]
		at := slices.IndexFunc(wants, func(w PackageWant) bool { return w.fits(x) })
		switch {
		case at < 0, !x.Installed && x.Stored == 0:
			continue
		case x.Installed:
			installed++
		default:
			removed++
		}
		if installed+removed <= maxFindings {
			v.findings = append(v.findings, c.forbiddenPackage(x, wants[at]))
		}
	}
	if more := installed + removed - maxFindings; more > 0 {
		v.findings = append(v.findings, leftOut("forbid-package", Note, more, 0, more))
	}
	v.number = countOf(installed)
	if installed > 0 {
		v.failed, v.value = true, human.Count(installed, "package", "packages")
		v.message = fmt.Sprintf("the image has %s that %s forbidden", v.value, pick(installed == 1, "is", "are"))
	}
	if removed > 0 {
		v.message += fmt.Sprintf(" (besides %s that a later layer removes)", human.Count(removed, "one", "ones"))
	}
	return v, nil
}

func (c *checker) forbiddenPackage(x *Package, w PackageWant) Finding {
	f := Finding{
		ID: x.id(), Title: "A forbidden package", Layer: x.Layer, Bytes: x.Stored, Versions: x.Files, Step: c.stepOf(x.Layer),
		Message: fmt.Sprintf("%s (%s) is in the image, from layer %d: %s forbids it.", x.title(), x.Type, x.Layer, gapped(w.String())),
		Advice:  "Leave it out of the step that installs it, or replace it.",
	}
	if x.Layer < c.a.Totals.BaseLayers {
		f.Advice = "The base image brings it: choose another, or remove the package."
	}
	if !x.Installed {
		f.Title = "A forbidden package that was removed"
		f.ID, f.Rule, f.Severity = "forbid-package/removed/"+f.ID, "forbid-package", Note
		f.Message = fmt.Sprintf("%s (%s) came with layer %d. A later layer removes or replaces it, but %s are shipped.", x.title(), x.Type, x.Layer, human.Size(x.Stored))
	}
	return f
}

// maxPackageSize limits the stored bytes of each package.
func maxPackageSize(ctx context.Context, c *checker, most int64) (verdict, error) {
	p, err := c.a.Packages(ctx)
	if err != nil {
		return verdict{}, err
	}
	var large []*Package
	var largest int64
	for i := range p.Rows {
		largest = max(largest, p.Rows[i].Stored)
		if p.Rows[i].Stored > most {
			large = append(large, &p.Rows[i])
		}
	}
	slices.SortStableFunc(large, func(a, b *Package) int { return cmp.Compare(b.Stored, a.Stored) })
	v := verdict{failed: len(large) > 0, number: bytesOf(largest)}
	v.value, v.limit = sizes(largest, most)
	v.say("the largest package", "more than", "at most")
	for i, x := range large {
		if i == maxFindings {
			v.findings = append(v.findings, leftOut("max-package-size", Note, len(large)-i, 0, 0))
			break
		}
		v.findings = append(v.findings, Finding{
			ID: x.id(), Title: "A package too large", Layer: x.Layer, Bytes: x.Stored, Versions: x.Files, Step: c.stepOf(x.Layer),
			Message: fmt.Sprintf("%s (%s) stores %s, of which %s are wasted; it came with layer %d.", x.title(), x.Type, human.Size(x.Stored), human.Size(x.Wasted), x.Layer),
			Advice:  pick(x.Wasted*2 > x.Stored, "Most of it is wasted: install it, if at all, in the same step that removes it.", "Use a smaller variant of it, or leave it out."),
		})
	}
	return v, nil
}
