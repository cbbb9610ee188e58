package analyze

import (
	"fmt"
	"strings"

	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/lazy"
	"github.com/peelhq/peel/source"
)

// Patterns in a step's text.
var (
	// uninstalls matches a step that removes packages.
	uninstalls = lazy.New(`\b(?:apt(?:-get)?|dnf|microdnf|yum|zypper|apk|pip3?|npm|dpkg|rpm)\b[^&|;]*\s(?:purge|autoremove|remove|erase|del|uninstall|rm|-r|-P|-e)\b|\bautoremove\b`)
	// upgrades matches a step that upgrades packages.
	upgrades = lazy.New(`\b(?:apt(?:-get)?|apk|dnf|microdnf|yum|zypper)\b[^&|;]*\s(?:upgrade|dist-upgrade|full-upgrade)\b|\b(?:dnf|microdnf|yum|zypper)\b[^&|;]*\s(?:update|up|dup)\b`)
	// installs matches a step that installs packages.
	installs = lazy.New(`\b(?:apt(?:-get)?|dnf|microdnf|yum|zypper|apk|dpkg|rpm|pip3?|npm|yarn|pnpm|gem)\b[^&|;]*\s(?:install|add|-i|-U|ci|upgrade|dist-upgrade)\b`)
)

// More patterns.
var (
	aptInstalls    = lazy.New(`\bapt(?:-get)?\b[^&|;]*\sinstall\b`)
	aptUpdates     = lazy.New(`\bapt(?:-get)?\b[^&|;]*\supdate\b`)
	recursiveChmod = lazy.New(`\bchmod\s+(?:-\w*R\w*|--recursive)\s`)
	recursiveMode  = lazy.New(`\bchmod\s+(?:-\w*R\w*|--recursive)\s+(?:-\S+\s+)*0?[0-7]{3,4}\b`)
)

// stepFacts are facts about a build step. They are requested for every finding of the step's
// layer.
type stepFacts struct {
	text   string // for a finding, shortened if too long
	stable string // for its ID
	word   string // the instruction in upper case

	uninstalls, upgrades, installs bool

	needsLists bool // it installs with apt without fetching apt's lists itself
	recursive  bool // it sets one numeric mode for everything below a directory
	deep       bool // it changes modes below a directory
}

// maxStep is the maximum length of a step's text in a finding, in bytes.
const maxStep = 64 << 10

// ShownStep returns a step's text as shown in findings: see ShownInstruction.
func ShownStep(s source.Step) string { return ShownInstruction(dockerfile.StepText(s)) }

// ShownInstruction returns an instruction's text with secrets masked, shortened if too long. It
// is raw otherwise.
func ShownInstruction(text string) string {
	text = Masked(text) // before shortening, which could leave part of a token visible
	if len(text) > maxStep {
		text = strings.ToValidUTF8(text[:maxStep], "") + "…"
	}
	return text
}

// step returns the facts about the step that made a layer.
func (ad *adviser) step(layer int) *stepFacts {
	if ad.steps[layer] == nil {
		text := ShownStep(ad.t.layers[layer].Step)
		ad.steps[layer] = &stepFacts{
			text: text, stable: stableStep(text), word: firstWord(text),
			uninstalls: uninstalls.MatchString(text), upgrades: upgrades.MatchString(text), installs: installs.MatchString(text),
			needsLists: aptInstalls.MatchString(text) && !aptUpdates.MatchString(text), recursive: recursiveMode.MatchString(text), deep: recursiveChmod.MatchString(text),
		}
	}
	return ad.steps[layer]
}

// word writes a finding's title, message and advice.
func (ad *adviser) word(f *Finding, k groupKey, g *group) {
	w := wording{ad: ad, k: k, g: g, step: ad.step(k.by)}
	switch k.reason {
	case moved:
		w.moved(f)
	case linked:
		w.linked(f)
	case pathless:
		w.pathless(f)
	default:
		switch k.cause {
		case MetadataCopy:
			w.metadata(f)
		case SameAgain:
			w.identical(f)
		case Overwritten:
			w.overwritten(f)
		case Deleted:
			w.removed(f)
		case Opaque:
			w.opaque(f)
		case Replaced:
			w.replaced(f)
		case Duplicate:
			w.duplicate(f)
		}
	}
	switch k.standing {
	case hidesBase:
		f.Title += ", of the base image"
		f.Advice = baseAdvice(f.Advice, k)
		f.OfBase = k.class.about().kept || k.cause == Deleted || k.cause == Opaque || k.cause == Replaced
	case inBase:
		f.OfBase = true
		f.Title += ", within the base image"
		f.Advice = "Only the base image can fix this: use a newer or smaller one."
	default:
		if tool := ad.toolOf(k.by); tool != nil {
			f.Advice = tool.forTool(k.cause)
		} else {
			f.Advice += w.edit()
		}
	}
	f.setAdvice(f.Advice)
}

// wording holds the inputs for one finding's text.
type wording struct {
	ad   *adviser
	k    groupKey
	g    *group
	step *stepFacts // of the layer to blame
}

// edit names the step to change if that is not the step to blame.
func (w *wording) edit() string {
	maker := w.g.origin()
	switch {
	case maker < 0 || maker == w.k.by || maker < w.ad.a.Totals.BaseLayers,
		w.k.cause == SameAgain && w.k.reason == byCause, w.k.class.about().kept, w.k.reason == pathless:
		return ""
	}
	text := brief(w.ad.step(maker).text)
	if text == "" {
		return ""
	}
	return fmt.Sprintf(" The step to edit is layer %d (%s).", maker, code(text))
}

// classAdvice returns the advice for files of a class in a layer.
func (ad *adviser) classAdvice(c class, layer int) string {
	about := c.about()
	if about.id != "apt-lists" {
		return about.advice
	}
	later := ad.needsListsAfter(layer)
	if later < 0 {
		return about.advice
	}
	return fmt.Sprintf("Install in one `RUN` what layers %d and %d install, and end that with `&& rm -rf /var/lib/apt/lists/*`: without the lists of the first, the later step finds no package. Or keep them out with cache mounts (%s).",
		layer, later, code(aptMounts))
}

// needsListsAfter returns the first higher layer whose step installs with apt and relies on
// existing lists; -1 if none does.
func (ad *adviser) needsListsAfter(layer int) int {
	if ad.listsNeeded == nil {
		ad.listsNeeded = make([]int, len(ad.t.layers)+1)
		next := -1
		for k := len(ad.t.layers); k >= 0; k-- {
			ad.listsNeeded[k] = next
			if k > 0 && ad.step(k-1).needsLists {
				next = k - 1
			}
		}
	}
	return ad.listsNeeded[layer+1]
}

// baseAdvice returns the advice for files stored in the base image, whose layers no changed step
// can shrink.
func baseAdvice(own string, k groupKey) string {
	switch {
	case k.class.about().kept:
		return "Every step that installs packages rewrites it. Only a base image that already has the packages avoids this."
	case k.cause == Deleted, k.cause == Opaque, k.cause == Replaced:
		return "The base image ships them whatever a later step does. Use a base image without them, or leave them in place."
	case k.cause == MetadataCopy:
		return "They come from the base image. Change only the ones that need it, or use a base image or a user that needs no change."
	}
	return own
}

// amount returns "12,431 files, 1.50 GB", or the path and size of a single file.
func (w *wording) amount() string {
	where := &w.g.where
	if n, all := where.node(); w.g.versions == 1 && n != none && n != Root && all {
		return w.ad.t.pathText(n) + ", " + human.Size(w.g.bytes) + ","
	}
	return filesAndBytes(w.g) + below(where) + ","
}

// one selects the words for one file or for several.
func (w *wording) one(one, several string) string { return pick(w.g.versions == 1, one, several) }

// was returns the verb that goes with amount.
func (w *wording) was() string { return w.one("was", "were") }

// from says which layers store the bytes: "layer 1", "2 layers (mostly layer 1)".
func (w *wording) from() string {
	layer := w.g.carrier()
	s := fmt.Sprintf("layer %d", layer)
	if len(w.g.carriers) > 1 {
		s = fmt.Sprintf("%s (mostly layer %d)", human.Count(len(w.g.carriers), "layer", "layers"), layer)
	}
	return s + pick(w.k.standing == ownWaste, "", " of the base image")
}

// carry is from with a verb: "layer 1 carries", "2 layers (mostly layer 1) carry".
func (w *wording) carry() string {
	return w.from() + pick(len(w.g.carriers) == 1, " carries", " carry")
}

func filesAndBytes(g *group) string {
	return human.Count(g.versions, "file", "files") + ", " + human.Size(g.bytes)
}

// below returns " below /usr/lib", or " most of it below /usr/lib", or "" if the files have
// nothing in common.
func below(where *commonDir) string {
	n, all := where.node()
	if n == none || n == Root {
		return ""
	}
	return pick(all, " in ", ", most of it in ") + where.nest.t.pathText(n)
}

// enumerate returns "a", "a and b" or "a, b and c".
func enumerate(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

func (w *wording) moved(f *Finding) {
	from, _ := w.g.where.node()
	to, _ := w.g.to.node()
	f.Title = w.one("A file", "Files") + " moved in a later step"
	f.Message = fmt.Sprintf("%s %s moved by layer %d", upperFirst(w.amount()), w.was(), w.k.by)
	if from != none && to != none && to != Root {
		f.Message += " to " + w.ad.t.pathText(to)
	}
	f.Message += fmt.Sprintf(", which stores the content again: %s it too.", w.carry())
	f.Advice = "Put it in its final place at once: move it in the `RUN` that makes it, or `COPY` it there."
}

func (w *wording) linked(f *Finding) {
	f.Title = w.one("A file copied up to give it", "Files copied up to give them") + " a hard link"
	f.Message = fmt.Sprintf("%s %s copied up whole by layer %d to give %s another name: a hard link cannot reach into a lower layer. %s the same content.",
		upperFirst(w.amount()), w.was(), w.k.by, w.one("it", "them"), upperFirst(w.carry()))
	f.Advice = "Make the link in the step that makes the file, or make it a symbolic link (`ln -s`)."
}

func (w *wording) identical(f *Finding) {
	f.Title = w.one("A file written again without a change", "Files written again without a change")
	f.Message = fmt.Sprintf("%s %s written again by layer %d, with the same content and attributes: %s the same.",
		upperFirst(w.amount()), w.was(), w.k.by, w.carry())
	switch {
	case copies(w.step.word):
		f.Advice = "Copy each file once: narrow the source of one of the two steps, or list the unwanted files in `.dockerignore`."
	case w.step.installs:
		f.Advice = "Install in one `RUN`: package managers write such files again each time."
	default:
		f.Advice = "Leave out the step or the files that it writes again, or do it in the step that makes the files."
	}
}

func (w *wording) overwritten(f *Finding) {
	f.Title = w.one("A file", "Files") + " rewritten by a later step"
	f.Message = fmt.Sprintf("%s %s overwritten by layer %d: the earlier content still ships in %s.",
		upperFirst(w.amount()), w.was(), w.k.by, w.from())
	switch about := w.k.class.about(); {
	case w.k.class != noClass:
		f.Title = upperFirst(about.what) + " rewritten by a later step"
		f.Advice = w.ad.classAdvice(w.k.class, w.g.origin())
	case w.step.upgrades && w.k.standing == hidesBase:
		f.Title = "Packages upgraded"
		f.Advice = "Use a newer base image instead of upgrading its packages: the image ships both versions."
	case w.step.installs:
		f.Advice = "Install in one `RUN`, so that each file is written once."
	default:
		f.Advice = "Make the change in the step that writes the files, so that they are written once."
	}
}

func (w *wording) removed(f *Finding) {
	about := w.k.class.about()
	f.Title = w.one("A file", "Files") + " deleted in a later step"
	f.Message = fmt.Sprintf("%s %s deleted by layer %d, and %s still shipped in %s.",
		upperFirst(w.amount()), w.was(), w.k.by, w.one("is", "are"), w.from())
	switch {
	case w.k.class != noClass:
		f.Title = upperFirst(about.what) + " deleted in a later step"
		f.Advice = w.ad.classAdvice(w.k.class, w.g.origin())
	case w.step.uninstalls:
		f.Title = "Packages removed in a later step"
		f.Advice = "Install and remove them in one `RUN` (`install ... && build ... && purge ...`), or build in a separate stage and `COPY --from` what is needed."
	case w.ad.copiesFromStage(w.g.origin()):
		f.Advice = "Delete them in the stage that the `COPY --from` reads, or narrow its source."
	case copies(w.ad.step(w.g.origin()).word):
		f.Advice = "Do not copy them in: list them in `.dockerignore`, or narrow the source of the `" + w.ad.step(w.g.origin()).word + "`. For files that only the build needs, use `RUN --mount=type=bind`."
	default:
		f.Advice = "Delete them in the step that makes them (`RUN make ... && rm ...`), or make them in a separate stage and `COPY --from` what is needed."
	}
}

// copiesFromStage reports whether the Dockerfile, if it is known, says that a layer's COPY reads another
// stage or image instead of the build context.
func (ad *adviser) copiesFromStage(layer int) bool {
	return ad.file != nil && ad.lines[layer] != nil && strings.Contains(ad.file.Flags(ad.lines[layer].First), "--from=")
}

func (w *wording) opaque(f *Finding) {
	f.Title = "A directory that a later step recreates"
	f.Message = fmt.Sprintf("%s %s hidden by layer %d, which recreated a directory above: %s %s still.",
		upperFirst(w.amount()), w.was(), w.k.by, w.carry(), w.one("it", "them"))
	f.Advice = "Fill the directory once: recreate it in the step that filled it before, or leave out that step."
}

func (w *wording) replaced(f *Finding) {
	f.Title = w.one("A file", "Files") + " replaced by something of another type"
	f.Message = fmt.Sprintf("%s %s hidden by layer %d, where the path or a directory above it became something else: %s %s still.",
		upperFirst(w.amount()), w.was(), w.k.by, w.carry(), w.one("it", "them"))
	f.Advice = "Make the link or directory in the step that makes the path, before any step adds files there."
}

func (w *wording) pathless(f *Finding) {
	f.Title = "Content that belongs to no path"
	f.Message = fmt.Sprintf("%s of layer %d %s no part of the filesystem: a storage driver's bookkeeping, or a marker with content.",
		upperFirst(filesAndBytes(w.g)), w.k.by, w.one("is", "are"))
	f.Advice = "Build the image again: current builders don't store such entries."
}

func (w *wording) duplicate(f *Finding) {
	f.Title = w.one("A file", "Files") + " stored twice in one layer"
	f.Message = fmt.Sprintf("%s %s stored in layer %d and hidden by later entries of the same layer.", upperFirst(w.amount()), w.was(), w.k.by)
	f.Advice = "The tool that made the layer wrote paths more than once: list each input once, or use a newer version of it."
}

// firstWord returns a step's instruction in upper case.
func firstWord(step string) string {
	word, _, _ := strings.Cut(step, " ")
	return strings.ToUpper(word)
}

// copies reports whether an instruction copies files into the image.
func copies(word string) bool { return word == "COPY" || word == "ADD" }

// upperFirst returns s with its first letter in upper case if that is a to z, unless s starts
// with a path or a name written in lower case.
func upperFirst(s string) string {
	for _, name := range []string{"apt", "apk", "pip", "npm", "yarn", "pnpm", "dnf", "zypper", "pacman", "conda", "cargo", "composer"} {
		if strings.HasPrefix(s, name+"'s") {
			return s
		}
	}
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
