package analyze

import (
	"context"
	"slices"

	"github.com/peelhq/peel/internal/lazy"
)

// A Setting is one setting of a rules file and of the flags of a check: a rule
// with its limit, or an input of rules. It is the only definition of a setting:
// the flag, the key in the file, the comments of a new rules file, its JSON
// Schema, the table in the docs, the order of results and the texts in reports
// all derive from the list Settings.
type Setting struct {
	Name    string // key in the file, and name of the flag
	Kind    *Kind
	Default string // default value; "" for none: a rule is then off
	Without string // what applies without a value, for people; "" to use the kind's text
	Example string // an example value
	Help    string // for the flag, a few words; "" if the flag is not only check's
	Text    string // for comments, the docs and the schema: one or two sentences

	// For rules only:

	About    string   // what the rule is about, in one line, for reports that list rules
	Severity Severity // default severity
	Dive     []string // dive's names for it in a .dive-ci; messages use the first

	// OfWaste says that the rule counts waste: ignored waste is excluded, a floor may override
	// the verdict, and findings of waste relate to it.
	OfWaste bool
	// OfBase says that the rule is about own layers. It is unchecked if the requested base was
	// not found.
	OfBase bool
	// OfGrowth says that the rule is about growth since a baseline. It is unchecked without one.
	OfGrowth bool
	// KnownUnread says that the figure does not depend on the content of layers, so it is known
	// even if a layer is unreadable.
	KnownUnread bool
	// Risk is the security severity on the CVSS scale: above 0, at most 10; 0 if the rule is not
	// about security. Code scanning sorts by it.
	Risk float64

	read  func(have any, text string) (any, error)
	show  func(value any) string
	check func(ctx context.Context, c *checker, limit any) (verdict, error) // nil unless it is a rule
}

// IsRule reports whether the setting is a rule: it has a severity and a result.
func (s *Setting) IsRule() bool { return s.check != nil }

// A setting is a Setting with a value of type T.
type setting[T any] struct{ *Setting }

// newSetting returns a setting that is not a rule.
func newSetting[T any](k kind[T], s Setting) setting[T] {
	s.Kind = k.Kind
	s.read = func(have any, text string) (any, error) {
		before, _ := have.(T)
		return k.read(before, text)
	}
	s.show = func(value any) string {
		v, _ := value.(T)
		return k.show(v)
	}
	return setting[T]{&s}
}

// in returns the setting's value, or the zero value if it is off.
func (s setting[T]) in(r *Rules) T {
	v, _ := r.of(s.Setting).value.(T)
	return v
}

// rule returns a rule. check compares an image with the rule's limit, until ctx ends.
func rule[T any](k kind[T], check func(ctx context.Context, c *checker, limit T) (verdict, error), s Setting) *Setting {
	r := newSetting(k, s).Setting
	r.check = func(ctx context.Context, c *checker, limit any) (verdict, error) {
		l, _ := limit.(T)
		return check(ctx, c, l)
	}
	return r
}

// atOnce makes a check function from a quick one that only uses known figures.
func atOnce[T any](check func(c *checker, limit T) verdict) func(context.Context, *checker, T) (verdict, error) {
	return func(_ context.Context, c *checker, limit T) (verdict, error) { return check(c, limit), nil }
}

// Settings returns all settings: first the rules, in the order of checks and lists, then the
// inputs of rules.
func Settings() []*Setting { return settings }

// SettingNamed returns the setting with a name, or nil.
func SettingNamed(name string) *Setting {
	if i := slices.IndexFunc(settings, func(s *Setting) bool { return s.Name == name }); i >= 0 {
		return settings[i]
	}
	return nil
}

// RuleNames returns the names of the settings that are rules.
func RuleNames() []string {
	var names []string
	for _, s := range settings {
		if s.IsRule() {
			names = append(names, s.Name)
		}
	}
	return names
}

// rulesOfWaste returns the names of the rules that count waste.
func rulesOfWaste() []string {
	var names []string
	for _, s := range rules {
		if s.OfWaste {
			names = append(names, s.Name)
		}
	}
	return names
}

// docsLink matches a link to another page of the docs.
var docsLink = lazy.New(`\[([^\]]*)\]\([^)]*\)`)

// PlainText returns Text without its links, which lead nowhere outside of the docs.
func (s *Setting) PlainText() string { return docsLink.ReplaceAllString(s.Text, "$1") }

// AboutRule describes a finding's rule in one line: one of Settings or of Advise's rules. It
// returns the name of an unknown rule.
func AboutRule(name string) string {
	if s := SettingNamed(name); s != nil && s.About != "" {
		return s.About
	}
	if about, ok := adviceRules[name]; ok {
		return about
	}
	if name == RuleWaive {
		return "A waiver counts until its last day"
	}
	return name
}

// RiskOfRule returns the Risk of a finding's rule; 0 if it is not about security.
func RiskOfRule(name string) float64 {
	if s := SettingNamed(name); s != nil {
		return s.Risk
	}
	return 0
}

var settings = append(slices.Clone(rules), ignoreSetting.Setting, minWastedSetting.Setting, minFindingSetting.Setting, scopeSetting.Setting, baseSetting.Setting)

// rules are all rules of the check.
var rules = []*Setting{
	rule(ratioKind, atOnce(minEfficiency), Setting{
		Name: "min-efficiency", Default: "0.9", Example: "90%", Severity: Error, OfWaste: true,
		Help:  "minimum efficiency of your own layers; of the whole image with --scope image",
		Text:  "The efficiency of your own layers is at least this: 1 − wasted bytes ÷ stored bytes of these layers, or 1 if they store nothing. With scope: image, it is visible bytes ÷ stored bytes of the whole image.",
		About: "At least this share of what your own layers store is visible",
		Dive:  []string{"lowestEfficiency", "lowest-efficiency", "lowest-efficiency-threshold"},
	}),
	rule(sizeKind, atOnce(maxWasted), Setting{
		Name: "max-wasted", Example: "20MB", Severity: Error, OfWaste: true,
		Help:  "maximum wasted bytes",
		Text:  "The image wastes at most this many bytes: those that squashing it would remove.",
		About: "The image ships no more hidden bytes than the limit",
		Dive:  []string{"highestWastedBytes", "highest-wasted-bytes"},
	}),
	rule(ratioKind, atOnce(maxUserWasted), Setting{
		Name: "max-user-wasted", Example: "10%", Severity: Error, OfWaste: true, OfBase: true,
		Help:  "maximum share of what your own layers store that is wasted",
		Text:  "At most this share of what your own layers store is wasted. It is 1 − the efficiency that min-efficiency checks.",
		About: "At most this share of what your own layers store is wasted",
		Dive:  []string{"highestUserWastedPercent", "highest-user-wasted-percent"},
	}),
	rule(sizeKind, atOnce(maxSize), Setting{
		Name: "max-size", Example: "500MB", Severity: Error,
		Help:  "maximum stored bytes",
		Text:  "All layers together store at most this many bytes of content.",
		About: "The layers store no more bytes than the limit",
	}),
	rule(sizeKind, atOnce(maxCompressedSize), Setting{
		Name: "max-compressed-size", Example: "200MB", Severity: Error,
		Help:  "maximum bytes of the compressed layers",
		Text:  "The layers have at most this many bytes as they are pulled. Skipped if a layer is not compressed.",
		About: "The compressed layers have no more bytes than the limit",
	}),
	rule(countKind, atOnce(maxLayers), Setting{
		Name: "max-layers", Example: "20", Severity: Error, KnownUnread: true,
		Help:  "maximum number of layers",
		Text:  "The image has at most this many layers, including those of the base image.",
		About: "The image has no more layers than the limit",
	}),
	rule(sizeKind, atOnce(maxLayerSize), Setting{
		Name: "max-layer-size", Example: "100MB", Severity: Error,
		Help:  "maximum stored bytes of a layer",
		Text:  "No layer stores more than this, including those of the base image.",
		About: "No layer stores more than the limit",
	}),
	rule(countKind, atOnce(maxFiles), Setting{
		Name: "max-files", Example: "50000", Severity: Error,
		Help:  "maximum number of files in the final image",
		Text:  "The final image has at most this many files, links and devices. Directories do not count.",
		About: "The image has no more files than the limit",
	}),
	rule(growthKind, atOnce(maxGrowth), Setting{
		Name: "max-growth", Example: "5%", Severity: Error, OfGrowth: true,
		Help:  "maximum growth of the stored bytes since the baseline, in bytes or as a share",
		Text:  "The stored bytes grew by at most this since the baseline, in bytes or as a share. Skipped without --baseline.",
		About: "The image grew by no more than the limit since its baseline",
	}),
	rule(growthKind, atOnce(maxWastedGrowth), Setting{
		Name: "max-wasted-growth", Example: "1MB", Severity: Error, OfGrowth: true,
		Help:  "maximum growth of the wasted bytes since the baseline, in bytes or as a share",
		Text:  "The wasted bytes grew by at most this since the baseline, in bytes or as a share. Ignored paths count. Skipped without --baseline.",
		About: "The image's waste grew by no more than the limit since its baseline",
	}),
	rule(globsKind, forbid, Setting{
		Name: "forbid", Example: "**/.git/**", Severity: Error,
		Help:  "path that no layer may hold (repeatable)",
		Text:  "No layer holds a file at these paths. Covered and removed files count too: they still ship.",
		About: "No layer ships a forbidden path",
	}),
	rule(packagesKind, forbidPackage, Setting{
		Name: "forbid-package", Example: "npm:left-pad", Severity: Error, Risk: 5,
		Help:  "package that the image may not have: NAME, NAME@VERSION or TYPE:NAME (repeatable)",
		Text:  "The image's [package databases](packages.md) list none of these packages. * and ? are wildcards.",
		About: "The image has no forbidden package",
	}),
	rule(sizeKind, maxPackageSize, Setting{
		Name: "max-package-size", Example: "100MB", Severity: Error,
		Help:  "maximum stored bytes of a package",
		Text:  "No [package](packages.md) stores more than this in all layers together, including what is wasted.",
		About: "No package stores more than the limit",
	}),
	rule(switchKind, secretRule, Setting{
		Name: RuleSecret, Default: "on", Example: "on", Severity: Warning, Risk: 8,
		Help:  "no key, token or password in files, ENV, labels or history",
		Text:  "Your own layers hold no key, token or password, and neither do ENV, the labels and the history. Covered and removed files count too.",
		About: "The image holds no key, token or password",
	}),
	rule(switchKind, notRoot, Setting{
		Name: "user", Default: "on", Example: "on", Severity: Warning, KnownUnread: true, Risk: 5,
		Help:  "containers don't run as root",
		Text:  "The image names a user that is not root.",
		About: "Containers of the image don't run as root",
	}),
	rule(switchKind, atOnce(healthcheck), Setting{
		Name: "healthcheck", Default: "on", Example: "on", Severity: Warning, KnownUnread: true,
		Help:  "the image has a health check",
		Text:  "The image has a health check that is not NONE.",
		About: "The image has a health check",
	}),
	rule(switchKind, setuid, Setting{
		Name: "setuid", Default: "on", Example: "on", Severity: Warning, Risk: 5,
		Help:  "no new file that is setuid or setgid or has capabilities",
		Text:  "Your own layers add no visible file that is setuid or setgid or has capabilities, unless it is the same in the base image.",
		About: "Your own layers add no file that runs with more rights than its user has",
	}),
	rule(labelsKind, atOnce(wantLabels), Setting{
		Name: "label", Example: "org.opencontainers.image.source=https://*", Severity: Error, KnownUnread: true,
		Help:  "label that the image must have: NAME or NAME=GLOB (repeatable)",
		Text:  "The image has these labels, and none of them is empty. With =GLOB, the value matches the glob.",
		About: "The image has all required labels",
	}),
	rule(switchKind, baseCurrent, Setting{
		Name: "base-current", Example: "on", Severity: Error, KnownUnread: true,
		Help:  "the base image is up to date: its tag still has the layers that the image was built on",
		Text:  "The base image's tag in its registry still has the layers that the image was built on. Skipped if the registry does not answer or the base image has no known name.",
		About: "The image is built on the current base image",
	}),
}

// The inputs of rules.
var (
	ignoreSetting = newSetting(globsKind, Setting{
		Name: "ignore", Example: "/var/lib/dpkg",
		Help: "path whose waste does not count (repeatable)",
		Text: "Waste at these paths does not count: all rules use figures of waste without it. Sizes stay the same.",
	})
	minWastedSetting = newSetting(sizeKind, Setting{
		Name: "min-wasted", Example: "1MB",
		Help: "waste below this fails no rule",
		Text: "Waste below this fails none of " + enumerate(rulesOfWaste()) + ".",
	})
	minFindingSetting = newSetting(sizeKind, Setting{
		Name: "min-finding", Example: "1MB", Without: "1% or 1MB",
		Help: "list only waste of at least this many bytes, and sum up the rest and the base image's; off lists all",
		Text: "Findings of less waste are summed up in one line. Default: 1 % of what the image stores or 1 MB, whichever is less. off lists every finding, including those of the base image. Findings of other rules are always listed.",
	})
	scopeSetting = newSetting(scopeKind, Setting{
		Name: "scope", Example: scopeImage, Without: scopeOwn,
		Help: "layers that min-efficiency measures: own (those above the base image) or image",
		Text: "The layers that min-efficiency measures: own (those above the base image) or image (all).",
	})
	baseSetting = newSetting(layersKind, Setting{
		Name: "base", Example: "1",
		Text: "Which layers are the base image's: their number, a digest, or an image. Default: peel finds out, or else 1.",
	})
)
