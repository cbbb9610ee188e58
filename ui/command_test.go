package ui

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// hostileWords are words that a shell or a terminal would interpret.
var hostileWords = []string{
	"plain", "", "a b", "it's", `back\slash`, "$(touch x)", "`touch x`", "a;b", "a&b", "a|b>c<d", "*?[a]{b,c}", "~", "~root", "=ls", "#x", "!x", "-rf",
	"new\nline", "car\rriage", "esc\x1b[2J", "bell\x07", "\xff\xfe no text", "bidi\u202etxt", "日本語", "'\x01'", "\\x41\x02", "1\x003"[:1], "tab\there", "a\u0301", "$'x'",
}

// TestShellLine checks that a shell reads quoted words back unchanged, and that the quoted line
// contains no control characters.
func TestShellLine(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "ksh", "busybox"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("no %s here", shell)
			continue
		}
		line := `printf '%s\0' ` + shellLine(hostileWords)
		for _, r := range line {
			if r < ' ' || r == 0x7f || r == '\u202e' {
				t.Errorf("the line contains %q", r)
			}
		}
		args := []string{path, "-c", line}
		if shell == "busybox" {
			args = []string{path, "sh", "-c", line}
		}
		out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).Output()
		if err != nil {
			t.Fatal(shell, err)
		}
		if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !slices.Equal(got, hostileWords) {
			t.Errorf("%s reads\n%q\nwant\n%q", shell, got, hostileWords)
		}
	}
}

// TestCopyCommand checks that each view copies the command that prints the same data.
func TestCopyCommand(t *testing.T) {
	tests := []struct {
		name, keys, ref string
		flags           []string
		want            string // copied text; or the message, if nothing is copied
	}{
		{"a directory", "C g", "app.tar", nil, "peel ls app.tar /usr -l"},
		{"the directory of a file", "C g E j j", "app.tar", nil, "peel ls app.tar /usr/lib -l"},
		{"after a lower layer", "C g [ [", "app.tar", nil, "peel ls app.tar /usr -l --at=5"},
		{"a layer alone", "C g m [ [ [ g", "app.tar", nil, "peel ls app.tar /srv/app -l --layer=4"},
		{"a range", "m m", "app.tar", nil, "peel diff app.tar --format=text --from=0 --to=7 --most=0"},
		{"everything", "m m m", "app.tar", nil, "no command lists what every layer mentions"},
		{"a filter", "f * . c o n f enter S", "app.tar", nil, "peel ls app.tar -l '--filter=*.conf' --sort=size --reverse"},
		{"a filter by name", "f ' enter s s s enter", "app.tar", nil, `peel ls app.tar -l '--filter='\'''`},
		{"the history", "C g tab", "app.tar", nil, "peel log app.tar /usr"},
		{"flags", "C g", "docker://app:1", []string{"--platform=linux/arm64", "--insecure-registry=a b"}, "peel ls --platform=linux/arm64 '--insecure-registry=a b' docker://app:1 /usr -l"},
		{"a file that looks like a flag", "C g [", "-x.tar", nil, "peel ls -l --at=6 -- -x.tar /usr"},
		{"a file with signs", "C g", "a b;c.tar", nil, "peel ls 'a b;c.tar' /usr -l"},
		{"the image", "3", "app.tar", nil, "peel report app.tar"},
		{"fixes", "2", "app.tar", nil, "peel fix app.tar"},
		{"the help", "?", "app.tar", nil, "no command prints this"},
		{"standard input", "", "", nil, "no command can read this image again"},
	}
	a := open(t, "app")
	for _, size := range markSizes {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				m := start(t, a, size[0], size[1])
				m.ref, m.options.Flags = tt.ref, func(command string) []string {
					if strings.Fields(tt.want)[1] != command {
						t.Errorf("asks for the flags of %q, want those of %q", command, tt.want)
					}
					return tt.flags
				}
				press(m, tt.keys)
				_, cmd := m.Update(keyOf("$"))
				got := clipped(cmd)
				if got == "" {
					got = m.notice.text
				}
				if got != tt.want && (strings.HasPrefix(tt.want, "peel") || !strings.HasPrefix(got, tt.want)) {
					t.Errorf("got %s\nwant %s", got, tt.want)
				}
			})
		}
	}
}

// TestForward checks that you can go forward again after going back, until you go somewhere
// else.
func TestForward(t *testing.T) {
	for _, size := range markSizes {
		m := start(t, open(t, "app"), size[0], size[1])
		press(m, "3 2 1")
		views := func() viewID { return m.view }
		press(m, "backspace backspace")
		if views() != 2 {
			t.Errorf("back: got view %d, want 2", views())
		}
		press(m, "ctrl+y")
		if views() != 1 {
			t.Errorf("forward: got view %d, want 1", views())
		}
		press(m, "alt+right")
		if views() != 0 {
			t.Errorf("forward again: got view %d", views())
		}
		press(m, "ctrl+y")
		rowWith(t, m, "nothing to go forward")
		press(m, "alt+left 3 ctrl+y")
		rowWith(t, m, "nothing to go forward")
		press(m, "backspace")
		if views() != 1 {
			t.Errorf("back from elsewhere: got view %d", views())
		}
	}
}

// TestMouseOff checks that a key and a setting leave the mouse to the terminal.
func TestMouseOff(t *testing.T) {
	a := open(t, "app")
	m := start(t, a, 80, 24)
	if m.View().MouseMode != tea.MouseModeCellMotion {
		t.Error("mouse is off")
	}
	press(m, "ctrl+t")
	rowWith(t, m, "the mouse selects text in the terminal")
	if m.View().MouseMode != tea.MouseModeNone {
		t.Error("mouse is on")
	}
	press(m, "v ctrl+t")
	if m.View().MouseMode != tea.MouseModeCellMotion {
		t.Error("mouse is still off")
	}
	m = newModel(t.Context(), Options{Settings: Settings{Mouse: "off"}})
	if m.View().MouseMode != tea.MouseModeNone {
		t.Error("the setting has no effect")
	}
}
