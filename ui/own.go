package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// An OwnCommand is a user's command, which a key runs on the selected file. It is a program with
// arguments, not a shell line: whatever a path contains, it stays one argument.
type OwnCommand struct {
	Key   string   // "ctrl+g"
	Does  string   // its text in the help; "": the words of Run
	Run   []string // the program and its arguments, with {path}, {layer} and {image}
	Shows string   // one of OwnShows: where it runs
}

// OwnShows are the places where a user's command can run, default first: on the terminal until it
// ends, or in the background, with its output shown on a page.
var OwnShows = []string{"terminal", "output"}

// ownPlaces are the placeholders for parts of the selection.
var ownPlaces = []string{"{path}", "{layer}", "{image}"}

// placesIn returns what looks like placeholders: lower-case letters in braces.
func placesIn(arg string) (places []string) {
	for {
		_, rest, ok := strings.Cut(arg, "{")
		if !ok {
			return places
		}
		word := rest[:len(rest)-len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz"))]
		if word != "" && strings.HasPrefix(rest[len(word):], "}") {
			places = append(places, "{"+word+"}")
		}
		arg = rest
	}
}

// checkOwn checks the user's own commands.
func checkOwn(own []OwnCommand) error {
	for i, c := range own {
		err := func() error {
			switch {
			case c.Key == "" || strings.ContainsAny(c.Key, " \t"):
				return fmt.Errorf("key: unknown key %q", c.Key)
			case len(c.Run) == 0 || c.Run[0] == "":
				return errors.New("run: expected a program with its arguments, as in [less, --version]")
			case strings.ContainsAny(c.Run[0], "{}"):
				return errors.New("run: the program itself cannot come from the image")
			case c.Shows != "" && !slices.Contains(OwnShows, c.Shows):
				return fmt.Errorf("shows: %q is not one of %s", c.Shows, strings.Join(OwnShows, ", "))
			}
			for _, arg := range c.Run {
				for _, place := range placesIn(arg) {
					if !slices.Contains(ownPlaces, place) {
						return fmt.Errorf("run: unknown placeholder %s: use %s", place, strings.Join(ownPlaces, ", "))
					}
				}
			}
			return nil
		}()
		if err != nil {
			return fmt.Errorf("commands: %d: %w", i+1, err)
		}
	}
	return nil
}

// does returns the command's text in the help.
func (c OwnCommand) does() string {
	if c.Does != "" {
		return c.Does
	}
	return strings.Join(c.Run, " ")
}

// withOwn returns the keys, with those of the user's own commands.
func (k *keyMap) withOwn(own []OwnCommand) *keyMap {
	out := *k
	out.own = nil
	for i, c := range own {
		b := binding{name: fmt.Sprintf("command %d", i+1)}
		var t cleaner
		b.Binding = key.NewBinding(key.WithKeys(c.Key), key.WithHelp(keyName(c.Key), t.line(c.does())))
		out.own = append(out.own, b)
	}
	return &out
}

// ownGroup returns the keys of the user's own commands, if any.
func (k *keyMap) ownGroup() []keyGroup {
	if len(k.own) == 0 {
		return nil
	}
	return []keyGroup{{"Your commands", k.own}}
}

// arguments puts a path, a layer and an image into the words of a command. A path
// begins with a slash, a layer is a number; an image that would be read as a flag is
// given a folder.
func (c OwnCommand) arguments(path string, layer int, image string) ([]string, error) {
	if image == "" && slices.ContainsFunc(c.Run, func(s string) bool { return strings.Contains(s, "{image}") }) {
		return nil, errors.New("this image has no name to give to a command: it came from standard input")
	}
	if strings.HasPrefix(image, "-") {
		image = "./" + image
	}
	// In one step, so that inserted text is not replaced again.
	in := strings.NewReplacer("{path}", path, "{layer}", strconv.Itoa(layer), "{image}", image)
	args := make([]string, len(c.Run))
	for i, word := range c.Run {
		if args[i] = in.Replace(word); strings.ContainsRune(args[i], 0) {
			return nil, errors.New("an argument cannot contain a zero byte")
		}
	}
	return args, nil
}

// ownKey handles the key of one of the user's own commands, which runs on a version.
func ownKey(h host, k tea.KeyPressMsg, chosen func() (analyze.Version, bool)) (tea.Cmd, bool) {
	i := slices.IndexFunc(h.keys().own, func(b binding) bool { return b.matches(k) })
	if i < 0 {
		return nil, false
	}
	v, ok := chosen()
	if !ok {
		return h.say("no file here"), true
	}
	return h.runOwn(i, h.analysis().Tree.Path(v.Node()), v.Layer()), true
}

func (m *model) runOwn(i int, path string, layer int) tea.Cmd {
	c := m.options.Settings.Commands[i]
	args, err := c.arguments(path, layer, m.ref)
	if err != nil {
		return m.fail(err)
	}
	name := m.lk.line(c.Run[0])
	if c.Shows != "output" {
		run := m.options.Actions.Run
		if run == nil {
			return m.say("no program can be run here")
		}
		return m.outside(name, func() error { return run(m.ctx, args) }, nil)
	}
	capture := m.options.Actions.Capture
	if capture == nil {
		return m.say("no program can be run here")
	}
	ctx := m.ctx
	return m.startThen("running "+name, func(task context.Context, _ func(done, total int64)) (func() tea.Cmd, error) {
		out, err := capture(task, args)
		if ctx.Err() != nil || task.Err() != nil {
			return nil, context.Canceled
		}
		return func() tea.Cmd {
			m.open(newOutput(m, c.does(), out, err))
			return nil
		}, nil
	})
}

// outside gives the terminal to a function until it returns, and then calls done, if that isn't
// nil.
func (m *model) outside(name string, run func() error, done func()) tea.Cmd {
	return tea.Exec(&outsideCommand{run}, func(err error) tea.Msg {
		if done != nil {
			done()
		}
		return outsideMsg{name, err}
	})
}

// outsideCommand is a tea.ExecCommand that knows its terminal itself.
type outsideCommand struct{ run func() error }

func (c *outsideCommand) Run() error          { return c.run() }
func (c *outsideCommand) SetStdin(io.Reader)  {}
func (c *outsideCommand) SetStdout(io.Writer) {}
func (c *outsideCommand) SetStderr(io.Writer) {}

// outsideMsg says that the screen has the terminal again.
type outsideMsg struct {
	name string // of the program, clean
	err  error
}

func (msg outsideMsg) update(m *model) tea.Cmd {
	if msg.err != nil {
		return m.fail(fmt.Errorf("%s: %w", msg.name, msg.err))
	}
	return nil
}
