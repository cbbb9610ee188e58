package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/testkit"
)

// fixableDockerfile is the Dockerfile that the image of the fixture fixable was built from.
const fixableDockerfile = `FROM debian
RUN make model
RUN chmod 600 /srv/model.bin

# how it is started
COPY run.sh /usr/bin/run.sh
RUN chmod 755 /usr/bin/run.sh
RUN apt-get update && apt-get install -y git
`

// fixing returns the program with the view of fixes open.
func fixing(t *testing.T, fixture string, w, h int) (*model, *fix) {
	t.Helper()
	m := start(t, openFrame(t, fixture), w, h)
	press(m, "2")
	return m, m.views[1].(*fix)
}

// sizesOfFix are the terminal sizes on which the view is tested.
var sizesOfFix = [][2]int{{80, 24}, {120, 40}}

// TestFixFigures checks that the head shows the image's figures with the chosen fixes applied:
// exactly those of a proposal of these fixes, whatever was chosen before.
func TestFixFigures(t *testing.T) {
	for _, size := range sizesOfFix {
		for _, fixture := range []string{"built", "fixable", "app"} {
			t.Run(fmt.Sprint(fixture, size), func(t *testing.T) {
				m, p := fixing(t, fixture, size[0], size[1])
				want := func(wish analyze.Wish) {
					t.Helper()
					x, err := analyze.Propose(t.Context(), p.a, p.work.fixes, p.a.Dockerfile, wish)
					if err != nil {
						t.Fatal(err)
					}
					sg := &unicodeSigns
					rowWith(t, m, fmt.Sprintf("%s %s %s stored", human.Size(x.Before.Stored), sg.link, human.Size(x.After.Stored)))
					rowWith(t, m, fmt.Sprintf("%s %s %s wasted", human.Size(x.Before.Wasted), sg.link, human.Size(x.After.Wasted)))
				}
				if len(p.work.fixes) < 2 {
					t.Fatalf("%d fixes", len(p.work.fixes))
				}
				var wish analyze.Wish
				for i := range p.rows {
					f := p.rows[i].finding
					if f < 0 || p.work.fixOf[f] < 0 || p.plan.chosen[p.work.fixOf[f]] {
						continue
					}
					p.found.to(i)
					press(m, "space")
					wish.Fixes = append(wish.Fixes, p.work.findings[f].ID)
					want(wish)
					intact(t, m)
				}
				press(m, "space") // deselect the last one
				want(analyze.Wish{Fixes: wish.Fixes[:len(wish.Fixes)-1]})
				if press(m, "a"); p.a.Dockerfile == nil {
					rowWith(t, m, "peel can make none of the fixes by an edit")
					return
				}
				want(analyze.Wish{})
				press(m, "a") // choose none
				rowWith(t, m, human.Size(p.a.Totals.Stored)+" stored")
				press(m, "space a") // choose all, after choosing one
				want(analyze.Wish{})
			})
		}
	}
}

// TestFixNewestChoice checks that a figure is either exact or absent, and that a computation
// for an earlier choice is stopped and ignored.
func TestFixNewestChoice(t *testing.T) {
	m, p := fixing(t, "fixable", 120, 40)
	_, first := m.Update(keyOf("space"))
	if p.plan.stop == nil {
		t.Fatal("nothing is being computed")
	}
	rowWith(t, m, "402 kB → … stored")
	rowWith(t, m, "1 chosen…")
	m.Update(keyOf("j"))
	_, second := m.Update(keyOf("space"))
	settle(m, first)
	rowWith(t, m, "402 kB → … stored") // for the first choice alone
	settle(m, second)
	rowWith(t, m, "402 kB → 308 kB stored")
	rowWith(t, m, "2 chosen: 94.0 kB less")
}

// TestFixTogether checks that a fix that can't be combined with the chosen ones isn't chosen,
// and that a message says so.
func TestFixTogether(t *testing.T) {
	m, p := fixing(t, "fixable", 120, 40)
	press(m, "space j")
	m.Update(keyOf("space"))
	settle(m, plannedMsg{p, p.plan.seq, nil, errors.New("these two cannot be made together")}.update())
	rowWith(t, m, "these two cannot be made together")
	if p.plan.count() != 1 || p.plan.proposal == nil {
		t.Errorf("%d fixes chosen, with %v", p.plan.count(), p.plan.proposal)
	}
}

// TestFixSections checks that visible bytes aren't listed under wasted ones, and neither is
// waste that only another base image can fix.
func TestFixSections(t *testing.T) {
	_, p := fixing(t, "fixable", 120, 40)
	var sum [fixSections]int64
	for _, r := range p.rows {
		if r.finding < 0 {
			continue
		}
		f := &p.work.findings[r.finding]
		sum[r.section] += f.Bytes
		if (r.section == wastedSection) != (f.Rule == analyze.RuleWaste) {
			t.Errorf("%s is listed under %q", f.ID, sectionTexts[r.section].title)
		}
	}
	if sum[wastedSection] != p.a.Totals.Wasted || sum[visibleSection] != 200_000 {
		t.Errorf("got %d wasted and %d visible bytes, want %d and 200000", sum[wastedSection], sum[visibleSection], p.a.Totals.Wasted)
	}
}

// TestFixLinks checks that the line of the finding under the cursor is marked, and vice versa.
func TestFixLinks(t *testing.T) {
	for _, size := range sizesOfFix {
		m, _ := fixing(t, "fixable", size[0], size[1])
		sg := &unicodeSigns
		for _, tt := range []struct{ keys, want string }{
			{"g j", sg.mark + "3 "},
			{"j", sg.mark + "7 "},
			{"tab k", sg.mark + "6 "},       // COPY, which has no findings
			{"G", sg.mark + "[ ]  200 kB"},  // apt-get
			{"k", sg.mark + "[ ] 30.0 kB"},  // chmod of run.sh
			{"g j j", sg.mark + "[ ] 64.0"}, // chmod of the model
			{"right j", sg.mark + "7 "},
			{"left g", sg.mark + "1 "},
		} {
			press(m, tt.keys)
			intact(t, m)
			rowWith(t, m, tt.want)
		}
	}
	m, p := fixing(t, "built", 80, 24)
	press(m, "tab g j j j j j") // the second line of a RUN
	if p.step() < 0 || p.build.cursor != 5 {
		t.Fatalf("line %d belongs to step %d", p.build.cursor+1, p.step())
	}
	rowWith(t, m, unicodeSigns.side+unicodeSigns.between+" 5") // the first line is marked too
}

// TestFixKeys checks the keys in both panes: enter goes to the files, space chooses all fixes
// of a line, v and x apply to a finding's file, and keys that don't apply show a message.
func TestFixKeys(t *testing.T) {
	for _, size := range sizesOfFix {
		for _, tt := range []struct{ fixture, keys, want string }{
			{"fixable", "enter", "F shows all again"},
			{"fixable", "g enter", "this is not a finding"},
			{"fixable", "tab enter", "Layer 2 alone"},
			{"fixable", "tab g enter", "Layer 0 alone"},
			{"fixable", "tab G k k k k enter", "this line makes no layer"},
			{"fixable", "tab space", "402 kB → 338 kB"},
			{"fixable", "tab space space", "402 kB stored"},
			{"fixable", "tab g space", "no fix is listed for this line"},
			{"fixable", "v", "/srv/model.bin"},
			{"fixable", "x", "extract /srv/model.bin of layer 2 to"},
			{"fixable", "tab v", "this is not a file"},
			{"fixable", "s s s enter", "Waste · 94.0 kB in 2 versions"},
			{"fixable", "s s s enter s k enter", "by what is saved"},
			{"fixable", "/ g i t enter", "apt's"},
			{"fixable", "z", "Findings"},
			{"fixable", "tab z tab", "Findings"},
			{"fixable", "z tab tab z", "Findings"},
			{"fixable", "z esc", "RUN chmod 600"},
			{"fixable", "S", "by size ▴"},
			{"fixable", "S X", "by size ▾"},
			{"fixable", "/ z z enter", "no finding contains zz"},
			{"fixable", "/ z z enter X", "Wasted  94.0 kB in 2 findings"},
			{"fixable", "/ z z enter esc", "Wasted  94.0 kB in 2 findings"},
			{"app", "o", "the Dockerfile is unknown"},
			{"no-layers", "space", "this is not a finding"},
			{"no-layers", "tab space", "no fix is listed"},
			{"no-layers", "a", "peel can make none of the fixes by an edit"},
			{"no-layers", "tab enter", "makes no layer"},
		} {
			m := start(t, openFrame(t, tt.fixture), size[0], size[1])
			m.options.Actions = (&recorder{}).actions()
			m.options.Actions.WritePatch = func(context.Context, *analyze.Analysis, string, string, bool) (string, error) { return "", nil }
			press(m, "2 "+tt.keys)
			intact(t, m)
			if !slices.ContainsFunc(screen(m), func(row string) bool { return strings.Contains(row, tt.want) }) {
				t.Errorf("%s, %q on %v: no %q on\n%s", tt.fixture, tt.keys, size, tt.want, strings.Join(screen(m), "\n"))
			}
		}
	}
}

// TestFixWithoutDockerfile checks that the view says why it offers no patch if no Dockerfile is
// known.
func TestFixWithoutDockerfile(t *testing.T) {
	const why = "There is none here: name it with --dockerfile."
	for _, size := range sizesOfFix {
		m := start(t, open(t, "app"), size[0], size[1])
		m.options.NoDockerfile = why
		press(m, "2")
		rowWith(t, m, "the Dockerfile is unknown")
		const said = "No patch. There is none here: name it with"
		for i := 0; i < 20 && !strings.Contains(strings.Join(screen(m), "\n"), said); i++ {
			press(m, "J")
		}
		rowWith(t, m, said)
		m.options.Actions.WritePatch = func(context.Context, *analyze.Analysis, string, string, bool) (string, error) { return "", nil }
		press(m, "space o")
		rowWith(t, m, why)
	}
}

// TestFixCopies checks that y copies the patch of a fix or, without one, the text that says
// what to change.
func TestFixCopies(t *testing.T) {
	for _, tt := range []struct{ fixture, keys, want string }{
		{"fixable", "", "--- a/Dockerfile\n+++ b/Dockerfile\n@@ "},
		{"app", "", "End the RUN that fetches them with && rm -rf"},
		{"built", "j", "Use COPY --chown=1000:1000"},
		{"fixable", "tab", "RUN chmod 600 /srv/model.bin"},
	} {
		m, _ := fixing(t, tt.fixture, 120, 40)
		press(m, tt.keys)
		_, cmd := m.Update(keyOf("y"))
		if got := copied(m, cmd); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s, %q: copied %q, want %q", tt.fixture, tt.keys, got, tt.want)
		}
		rowWith(t, m, "copied")
	}
}

// copied runs commands to the end and returns the text that they copy to the clipboard.
func copied(m *model, cmds ...tea.Cmd) (text string) {
	for len(cmds) > 0 {
		cmd := cmds[0]
		cmds = cmds[1:]
		if cmd == nil {
			continue
		}
		switch msg := cmd().(type) {
		case tea.BatchMsg:
			cmds = append(cmds, msg...)
		case nil:
		default:
			if s := fmt.Sprintf("%T", msg); s == "tea.setClipboardMsg" {
				text = fmt.Sprint(msg)
				continue
			}
			_, next := m.Update(msg)
			cmds = append(cmds, next)
		}
	}
	return text
}

// TestFixWritesPatch checks that o writes the patch of the chosen fixes, and asks before it
// replaces a file.
func TestFixWritesPatch(t *testing.T) {
	for _, size := range sizesOfFix {
		m, p := fixing(t, "fixable", size[0], size[1])
		var wrote []string
		m.options.Actions = Actions{
			Patch: func(file *dockerfile.File, text []byte, want int) (string, error) {
				return file.Diff("build/"+file.Name(), text, want)
			},
			WritePatch: func(_ context.Context, a *analyze.Analysis, patch, file string, force bool) (string, error) {
				if a != p.a || !strings.HasPrefix(patch, "--- a/build/Dockerfile\n") {
					t.Errorf("got patch %q", patch)
				}
				wrote = append(wrote, fmt.Sprint(file, " ", force, " ", strings.Count(patch, "\n@@ ")))
				if file == "there" && !force {
					return "", &ExistsError{"there is there already: nothing was written"}
				}
				return "the patch was written", nil
			},
		}
		press(m, "o")
		rowWith(t, m, "nothing is chosen: space chooses a fix, a all")
		press(m, "a o")
		rowWith(t, m, "write the patch of 3 fixes to: fix.patch")
		press(m, "enter")
		rowWith(t, m, "the patch was written")
		press(m, "o")
		for range len("fix.patch") {
			press(m, "backspace")
		}
		typed(m, "there")
		press(m, "enter")
		rowWith(t, m, "there already exists: replace it (y), or write to:")
		press(m, "n enter")
		rowWith(t, m, "nothing was written")
		press(m, "o")
		for range len("fix.patch") {
			press(m, "backspace")
		}
		typed(m, "there")
		press(m, "enter y enter")
		rowWith(t, m, "the patch was written")
		if want := []string{"fix.patch false 1", "there false 1", "there false 1", "there true 1"}; !slices.Equal(wrote, want) {
			t.Errorf("wrote %q, want %q", wrote, want)
		}
	}
	m, _ := fixing(t, "built", 80, 24)
	m.options.Actions.WritePatch = func(context.Context, *analyze.Analysis, string, string, bool) (string, error) { return "", nil }
	press(m, "j space o")
	rowWith(t, m, "peel can make none of the chosen fixes by an edit")
}

// TestFixMouse checks that a click chooses the fix whose box it hits, selects a line or a
// finding, or opens the menu of orders, and that the divider can be dragged.
func TestFixMouse(t *testing.T) {
	m, p := fixing(t, "fixable", 120, 40)
	row := func(text string) int {
		return slices.IndexFunc(screen(m), func(r string) bool { return strings.Contains(r, text) })
	}
	clickOn(t, m, row("[ ] 30.0 kB"), "[ ] 30.0 kB")
	rowWith(t, m, "[x] 30.0 kB")
	clickOn(t, m, row("[ ]  200 kB"), "kB")
	if f, _ := p.finding(); p.plan.count() != 1 || f == nil || f.Rule != analyze.RuleVisible {
		t.Errorf("%d fixes chosen, cursor on %v", p.plan.count(), f)
	}
	clickOn(t, m, row("chmod 600"), "chmod 600")
	if p.focus != buildPane || p.build.cursor != 2 {
		t.Errorf("cursor on line %d of pane %d", p.build.cursor+1, p.focus)
	}
	clickOn(t, m, 1, "by size")
	rowWith(t, m, "findings, by what their fix saves")
	press(m, "esc")
	at := p.layout.beside
	send(m, tea.MouseClickMsg{Button: tea.MouseLeft, X: at, Y: 5})
	send(m, tea.MouseMotionMsg{Button: tea.MouseLeft, X: at + 10, Y: 5})
	send(m, tea.MouseReleaseMsg{X: at + 10, Y: 5})
	intact(t, m)
	if p.layout.beside != at+10 {
		t.Errorf("divider at %d, before at %d", p.layout.beside, at)
	}
	press(m, "<")
	if p.layout.beside != at+10-dividerStep {
		t.Errorf("divider at %d", p.layout.beside)
	}
}

// TestFixAdopts checks that a new analysis of the same image keeps the chosen fixes and the
// cursor.
func TestFixAdopts(t *testing.T) {
	m, p := fixing(t, "fixable", 120, 40)
	press(m, "j space")
	f, _ := p.finding()
	again := openFrame(t, "fixable")
	settle(m, m.adopt(newSnapshot(again, m.lk.cleaner)))
	send(m, tea.WindowSizeMsg{Width: 120, Height: 40})
	if now, _ := p.finding(); p.work.a != again || now == nil || now.ID != f.ID || p.plan.count() != 1 || p.plan.proposal == nil {
		t.Errorf("%d fixes chosen, cursor on %v, %v", p.plan.count(), now, p.plan.proposal)
	}
}

// TestFixKeysWait checks that keys wait for the findings, but not forever.
func TestFixKeysWait(t *testing.T) {
	m := start(t, openFrame(t, "fixable"), 120, 40)
	_, cmd := m.Update(keyOf("2"))
	m.Update(keyOf("j"))
	p := m.views[1].(*fix)
	rowWith(t, m, "looking for possible changes")
	if len(m.pending) != 1 {
		t.Fatalf("%d keys wait", len(m.pending))
	}
	settle(m, cmd)
	if p.found.cursor != 2 || len(m.pending) != 0 {
		t.Errorf("cursor on %d, %d keys waiting", p.found.cursor, len(m.pending))
	}
	m = start(t, openFrame(t, "fixable"), 120, 40)
	m.Update(keyOf("2"))
	m.Update(keyOf("1"))
	send(m, lateMsg{m.views[1].(*fix)})
	rowWith(t, m, "Files after layer 5")
}

// TestFixHostileDockerfile checks that a Dockerfile's lines are drawn as plain text and fit,
// whatever they contain.
func TestFixHostileDockerfile(t *testing.T) {
	text := "\xef\xbb\xbf# a comment\r\n" +
		"FROM debian AS \x1b[2J\r\n" +
		"RUN make model\r\n" +
		"RUN chmod 600 /srv/model.bin\r\n" +
		"# \u202e gnp \x07\tafter a tab\r\n" +
		"COPY run.sh /usr/bin/run.sh\r\n" +
		"RUN chmod 755 /usr/bin/run.sh\r\n" +
		"LABEL x=" + strings.Repeat("世\xff", 20_000) + "\r\n" +
		"RUN apt-get update && apt-get install -y git"
	for _, env := range []string{"LANG=C.UTF-8", "LANG=C"} {
		for _, size := range testkit.Sample([][2]int{{80, 24}, {120, 40}, {200, 60}, {40, 10}}) {
			a := builtFrom(t, open(t, "fixable"), "a\x1b]0;b\x07/\u202eDockerfile", text)
			m := start(t, a, size[0], size[1], env)
			press(m, "2")
			for range 12 {
				intact(t, m)
				press(m, "tab j space J")
			}
			press(m, "z a o y s esc")
			intact(t, m)
			if p := m.views[1].(*fix); len(p.work.build) != 9 || p.work.elsewhere != 0 {
				t.Errorf("got %d lines, and %d bytes without a line", len(p.work.build), p.work.elsewhere)
			}
		}
	}
}

// TestFixUnlikeDockerfile checks that layers that match no line of the Dockerfile are counted
// and mentioned.
func TestFixUnlikeDockerfile(t *testing.T) {
	a := builtFrom(t, open(t, "app"), "Dockerfile", "FROM debian:12\nRUN pip install -r requirements.txt\nCMD x\n")
	m := start(t, a, 120, 40)
	press(m, "2")
	p := m.views[1].(*fix)
	var of int64
	for k, s := range p.work.stepOf {
		if s < 0 {
			of += a.Layers[k].Stored
		}
	}
	if of == 0 || of != p.work.elsewhere {
		t.Errorf("%d bytes have no line, but the view says %d", of, p.work.elsewhere)
	}
	rowWith(t, m, human.Size(of)+" in layers that no line here made")
}

// TestFixCommand checks that the copied command chooses the same fixes from the same
// Dockerfile.
func TestFixCommand(t *testing.T) {
	for _, size := range sizesOfFix {
		m, p := fixing(t, "fixable", size[0], size[1])
		m.ref = "app.tar"
		copied := func() string {
			_, cmd := m.Update(keyOf("$"))
			return clipped(cmd)
		}
		with := "peel fix app.tar --dockerfile=" + p.a.Dockerfile.Name()
		if got := copied(); got != with {
			t.Errorf("nothing chosen: %s", got)
		}
		press(m, "space")
		fix := slices.Index(p.plan.chosen, true)
		if got := copied(); fix < 0 || got != with+" "+shellWord("--choose="+p.work.fixes[fix].ID) {
			t.Errorf("one chosen: %s", got)
		}
		if press(m, "a"); copied() != with {
			t.Errorf("peel fix chooses %s", copied())
		}
	}
}
