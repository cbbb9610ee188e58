package dockerfile

import (
	"strconv"
	"strings"

	"github.com/peelhq/peel/internal/lazy"
)

// A Use is an instruction, not among those of the image, that finds the files of one of the
// image's steps in another stage; or any instruction that copies from a stage with these files.
type Use struct {
	Line int    // first line of the instruction
	Run  string // the command of a RUN in a stage that begins with the files; "" for others

	// Copies are the paths that a COPY reads in a stage with the files. It is nil if they are
	// unknown: variables, or a mount of a RUN.
	Copies []string
}

// fromFlag matches the stage or image that an instruction reads: "--from=build",
// "--mount=type=bind,from=build".
var fromFlag = lazy.New(`[-,=]from=["']?([^\s,"']+)`)

// Uses returns the uses of the files that the instruction on a line makes, in the order of lines.
func (d *File) Uses(line int) []Use {
	e := newEditor(d)
	at, err := e.find(line)
	if err != nil || e.items[at].stage < 0 {
		return nil
	}
	chain := map[int]bool{} // the stages of the image
	for s := d.last; s >= 0; s = d.parent(s) {
		chain[s] = true
	}
	holds := map[int]bool{e.items[at].stage: true} // the stages with the files
	for s := e.items[at].stage + 1; s < len(d.stages); s++ {
		// A variable in FROM may name any earlier stage.
		holds[s] = holds[d.parent(s)] || strings.Contains(d.stages[s].from, "$")
	}
	var uses []Use
	for i := range e.items {
		it := &e.items[i]
		if it.in.word == "RUN" && holds[it.stage] && !chain[it.stage] {
			uses = append(uses, Use{Line: it.in.first, Run: strings.TrimSpace(it.in.args + " " + it.in.scripts())})
		}
		flags := e.flags(it)
		for _, m := range fromFlag.FindAllStringSubmatchIndex(flags, -1) {
			if holds[d.stageNamed(it.stage, flags[m[2]:m[3]])] {
				uses = append(uses, Use{Line: it.in.first, Copies: it.in.sources()})
			}
		}
	}
	return uses
}

// stageNamed returns the index of the stage before stage at that COPY --from calls by its name or
// index, or -1.
func (d *File) stageNamed(at int, name string) int {
	if s := d.stageBefore(at, name); s >= 0 {
		return s
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < at {
		return n
	}
	return -1
}

// scripts returns the text of an instruction's here-documents.
func (in *instruction) scripts() string {
	var b strings.Builder
	for _, doc := range in.docs {
		b.WriteString(doc.text)
	}
	return b.String()
}

// sources returns the paths that a COPY reads, or nil if they are unknown.
func (in *instruction) sources() []string {
	args, _ := execForm(in.args)
	words := strings.Fields(args)
	if in.word != "COPY" || len(words) < 2 || strings.ContainsAny(args, `$"'\*?[`+"`") {
		return nil
	}
	return words[:len(words)-1]
}
