package ui

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/peelhq/peel/analyze"
)

func TestOwnCommandsAreChecked(t *testing.T) {
	run := []string{"file", "{path}"}
	tests := []struct {
		name string
		own  []OwnCommand
		keys map[string][]string
		want string // part of the error; "" for none
	}{
		{"a good one", []OwnCommand{{Key: "ctrl+g", Run: run}}, nil, ""},
		{"two", []OwnCommand{{Key: "ctrl+g", Run: run}, {Key: "!", Run: run, Shows: "output"}}, nil, ""},
		{"braces of its own", []OwnCommand{{Key: "!", Run: []string{"awk", "{ print $1 }", "a{1,2}", "{}"}}}, nil, ""},
		{"no key", []OwnCommand{{Run: run}}, nil, `commands: 1: key: unknown key ""`},
		{"two keys", []OwnCommand{{Key: "a b", Run: run}}, nil, "unknown key"},
		{"no program", []OwnCommand{{Key: "!"}}, nil, "run: expected a program"},
		{"a program from the image", []OwnCommand{{Key: "!", Run: []string{"{path}"}}}, nil, "cannot come from the image"},
		{"an unknown place", []OwnCommand{{Key: "!", Run: []string{"x", "{digest}"}}}, nil, "unknown placeholder {digest}"},
		{"an unknown way", []OwnCommand{{Key: "!", Run: run, Shows: "tab"}}, nil, `shows: "tab" is not one of terminal, output`},
		{"a key of peel's", []OwnCommand{{Key: "m", Run: run}}, nil, `"m" is both command 1 and mode`},
		{"a key of the viewer's", []OwnCommand{{Key: "w", Run: run}}, nil, `"w" is both command 1 and wrap-lines`},
		{"a key twice", []OwnCommand{{Key: "!", Run: run}, {Key: "!", Run: run}}, nil, `"!" is both command 1 and command 2`},
		{"a key whose action has moved", []OwnCommand{{Key: "m", Run: run}}, map[string][]string{"mode": {"ctrl+g"}}, ""},
		{"a key to which an action has moved", []OwnCommand{{Key: "ctrl+g", Run: run}}, map[string][]string{"mode": {"ctrl+g"}}, `"ctrl+g" is both command 1 and mode`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Settings{Commands: tt.own, Keys: tt.keys}.Check()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestOwnArguments checks that a path or an image with any name is passed as one argument, and
// never as a flag.
func TestOwnArguments(t *testing.T) {
	c := OwnCommand{Run: []string{"p", "{path}", "--layer={layer}", "{image}", "x{path}y"}}
	tests := []struct {
		path, image string
		want        []string
	}{
		{"/a", "app.tar", []string{"p", "/a", "--layer=3", "app.tar", "x/ay"}},
		{"/a b;rm -rf $HOME\n`x`", "docker://app:1", []string{"p", "/a b;rm -rf $HOME\n`x`", "--layer=3", "docker://app:1", "x/a b;rm -rf $HOME\n`x`y"}},
		{"/{image}{layer}", "-rf", []string{"p", "/{image}{layer}", "--layer=3", "./-rf", "x/{image}{layer}y"}},
	}
	for _, tt := range tests {
		if got, err := c.arguments(tt.path, 3, tt.image); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q, %v; want %q", got, err, tt.want)
		}
	}
	if _, err := c.arguments("/a", 3, ""); err == nil {
		t.Error("a command got an image without a name")
	}
	if _, err := (OwnCommand{Run: []string{"p", "{path}"}}).arguments("/a", 3, ""); err != nil {
		t.Error(err)
	}
}

// withCommands returns the program with user-defined commands, and the arguments they were run
// with.
func withCommands(t *testing.T, w, h int, fails error) (m *model, ran *[][]string) {
	t.Helper()
	a := open(t, "app")
	ran = &[][]string{}
	m = newModel(t.Context(), Options{
		Environ: []string{"LANG=C.UTF-8"}, Name: "app", Ref: "app.tar",
		Settings: Settings{Commands: []OwnCommand{
			{Key: "!", Run: []string{"see", "{path}", "{layer}", "{image}"}},
			{Key: "ctrl+g", Does: "tell its\x1b[31m licence", Run: []string{"tell", "{path}"}, Shows: "output"},
		}},
		Actions: Actions{
			Run: func(_ context.Context, args []string) error {
				*ran = append(*ran, args)
				return fails
			},
			Capture: func(_ context.Context, args []string) ([]byte, error) {
				*ran = append(*ran, args)
				return []byte("MIT\x1b[2J\r\n\xff\tend"), fails
			},
		},
		Load: func(context.Context, func(Progress), func(*analyze.Analysis)) (*analyze.Analysis, error) {
			return a, nil
		},
	})
	m.timer = nothingLater
	settle(m, m.Init())
	send(m, tea.WindowSizeMsg{Width: w, Height: h})
	return m, ran
}

// TestOwnCommands checks that user-defined commands run on the selected row, that the help and
// the palette list them, and that their output is shown escaped.
func TestOwnCommands(t *testing.T) {
	for _, size := range markSizes {
		m, ran := withCommands(t, size[0], size[1], nil)
		press(m, "C g j ctrl+g")
		rowWith(t, m, `tell its\x1b[31m licence`)
		rowWith(t, m, `MIT\x1b[2J`)
		intact(t, m)
		press(m, "esc / n g i n x . c o n f enter v")
		press(m, "ctrl+g")
		want := [][]string{{"tell", "/srv/app"}, {"tell", "/etc/nginx/nginx.conf"}}
		if !reflect.DeepEqual(*ran, want) {
			t.Errorf("ran %q", *ran)
		}
		press(m, "esc esc")
		press(m, "?")
		press(m, "/ l i c e n")
		rowWith(t, m, "tell its")
		press(m, "esc esc : l i c e n c e")
		rowWith(t, m, "tell its")
	}
	m, _ := withCommands(t, 120, 40, errors.New("exit status 1"))
	press(m, "C g ctrl+g")
	rowWith(t, m, "exit status 1")
}

// TestRoles checks that colours of roles override the theme's, if there are colours at all.
func TestRoles(t *testing.T) {
	a := open(t, "app")
	begin := func(s Settings, p colorprofile.Profile, env ...string) *model {
		m := newModel(t.Context(), Options{Environ: append([]string{"LANG=C.UTF-8"}, env...), Settings: s, Load: func(context.Context, func(Progress), func(*analyze.Analysis)) (*analyze.Analysis, error) {
			return a, nil
		}})
		m.timer = nothingLater
		settle(m, m.Init())
		send(m, tea.WindowSizeMsg{Width: 120, Height: 40})
		send(m, tea.ColorProfileMsg{Profile: p})
		return m
	}
	colours := map[string]string{"waste": "#010203", "border": "bright-blue", "selected": "93"}
	tests := []struct {
		name  string
		theme string
		p     colorprofile.Profile
		env   string
		has   bool
	}{
		{"dark", "dark", colorprofile.TrueColor, "", true},
		{"light", "light", colorprofile.TrueColor, "", true},
		{"basic", "basic", colorprofile.TrueColor, "", true},
		{"NO_COLOR", "dark", colorprofile.TrueColor, "NO_COLOR=1", false},
		{"a terminal without colours", "dark", colorprofile.ASCII, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := begin(Settings{Theme: tt.theme, Colours: colours}, tt.p, tt.env)
			content := m.View().Content
			for _, want := range []string{"38;2;1;2;3", "94m", "48;5;93"} {
				if strings.Contains(content, want) != tt.has {
					t.Errorf("the screen contains %q: %v, want %v", want, !tt.has, tt.has)
				}
			}
			intact(t, m)
		})
	}
	for _, r := range roles {
		var p palette
		c, _ := parseColour("#123456")
		for _, of := range r.of(&p) {
			*of = c
		}
		if reflect.DeepEqual(p, palette{}) {
			t.Errorf("%s colours nothing", r.name)
		}
		if want := (palette{}).with(map[string]string{r.name: "#123456"}); !reflect.DeepEqual(p, want) {
			t.Errorf("%s: %+v, want %+v", r.name, p, want)
		}
	}
	for _, tt := range []struct {
		s    Settings
		want string
	}{
		{Settings{Colours: map[string]string{"waste": "#ff8800", "text": "7", "dim": "#abc", "link": "red"}}, ""},
		{Settings{Colours: map[string]string{"wast": "#ff8800"}}, `unknown role "wast": use text, dim`},
		{Settings{Colours: map[string]string{"waste": "#ff88"}}, `colours: waste: unknown colour "#ff88"`},
		{Settings{Colours: map[string]string{"waste": "256"}}, "unknown colour"},
		{Settings{Colours: map[string]string{"waste": "mauve"}}, "unknown colour"},
		{Settings{Theme: "none", Colours: map[string]string{"waste": "red"}}, "has no colours"},
	} {
		err := tt.s.Check()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%v: %v, want %q", tt.s.Colours, err, tt.want)
		}
	}
}

// TestOpenOutside checks that a file is copied for the pager, that a large one needs
// confirmation, and that anything other than a file isn't copied.
func TestOpenOutside(t *testing.T) {
	tests := []struct {
		name, keys, says string
		copies           int
		edit             bool
	}{
		{"a file", "/ n g i n x . c o n f enter e", "", 1, false},
		{"a directory", "C g e", "/usr is a directory", 0, false},
		{"a version of the history", "/ n g i n x . c o n f enter tab j e", "", 1, false},
		{"in the viewer", "/ n g i n x . c o n f enter v e", "", 1, false},
		{"the editor", "/ n g i n x . c o n f enter v E", "", 1, true},
		{"what fails", "/ p a s s w d enter e", "no room", 1, false},
	}
	a := open(t, "app")
	for _, size := range markSizes {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				m := start(t, a, size[0], size[1])
				copies, edited, removed := 0, false, 0
				m.options.Actions.Copy = func(_ context.Context, a *analyze.Analysis, v analyze.Version, edit bool, _ func(done, total int64)) (*Copy, error) {
					copies, edited = copies+1, edit
					if strings.HasSuffix(a.Tree.Path(v.Node()), "passwd") {
						return nil, errors.New("no room")
					}
					return &Copy{"less", func(context.Context) error { return nil }, func() { removed++ }}, nil
				}
				press(m, tt.keys)
				if copies != tt.copies || edited != tt.edit {
					t.Errorf("got %d copies, for the editor: %v", copies, edited)
				}
				if tt.says != "" {
					rowWith(t, m, tt.says)
				}
			})
		}
	}
	m := start(t, a, 120, 40)
	press(m, "/ n g i n x . c o n f enter e")
	rowWith(t, m, "no program can be run here")
}
