package ui

import (
	"context"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
)

// askCopyFrom is the size, in bytes, from which copying a file needs confirmation.
const askCopyFrom = 64 << 20

// openPager opens a copy of the chosen version in the user's pager.
func (e *explorer) openPager() tea.Cmd {
	v, ok := e.chosen()
	if !ok {
		return e.h.say("no file here")
	}
	return openOutside(e.h, v, false)
}

// openOutside opens a copy of a version in the user's pager or editor, and removes the copy
// afterwards.
func openOutside(h host, v analyze.Version, edit bool) tea.Cmd {
	name := h.look().text(h.analysis().Tree.Path(v.Node()))
	switch {
	case h.actions().Copy == nil:
		return h.say("no program can be run here")
	case v.Change() == analyze.Removed:
		return h.say(fmt.Sprintf("layer %d removes %s", v.Layer(), name))
	case v.Kind() == analyze.TypeDir:
		return h.say(name + " is a directory")
	case v.Kind() != analyze.TypeFile:
		return h.say(name + " is a " + v.Kind().String())
	case v.Size() < askCopyFrom:
		return startOutside(h, v, edit)
	}
	p := newPrompt("copy "+human.Size(v.Size())+" to a temporary file? (y)", "")
	p.done = func(text string) tea.Cmd {
		if text != "y" {
			return h.say("nothing was copied")
		}
		return startOutside(h, v, edit)
	}
	h.ask(p)
	return nil
}

func startOutside(h host, v analyze.Version, edit bool) tea.Cmd {
	copied, a, lasting := h.actions().Copy, h.analysis(), h.context() // a task's own context ends with the task
	return h.startThen("copying", func(ctx context.Context, progress func(done, total int64)) (func() tea.Cmd, error) {
		c, err := copied(ctx, a, v, edit, progress)
		if err != nil {
			return nil, err
		}
		return func() tea.Cmd {
			return h.outside(h.look().line(c.Program), func() error { return c.Run(lasting) }, c.Remove)
		}, nil
	})
}
