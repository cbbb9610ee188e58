package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/peelhq/peel/ui"
)

// settingsFile writes a settings file where the program finds it.
func settingsFile(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	if content == "" {
		return ""
	}
	path := filepath.Join(dir, "peel", "config.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSettingsFile(t *testing.T) {
	tests := []struct {
		name, content string
		want          ui.Settings
		fails         string // part of the error; "" for none
	}{
		{"no file", "", ui.Settings{}, ""},
		{"all of it", "theme: light\nsort: wasted\nmode: everything\ncolumns: few\nkeys:\n  quit: ctrl+q\n  sort: [Z, ctrl+s]\n",
			ui.Settings{Theme: "light", Sort: "wasted", Mode: "everything", Columns: "few",
				Keys: map[string][]string{"quit": {"ctrl+q"}, "sort": {"Z", "ctrl+s"}}}, ""},
		{"colours", "colours:\n  waste: \"#ff8800\"\n  text: 7\nmouse: off\n", ui.Settings{Mouse: "off", Colours: map[string]string{"waste": "#ff8800", "text": "7"}}, ""},
		{"an unknown role", "theme: dark\ncolours:\n  wast: red\n", ui.Settings{}, `config.yaml:3: colours: unknown role "wast"`},
		{"colours that aren't a map", "colours: red\n", ui.Settings{}, "colours has to be a map"},
		{"commands", "commands:\n- {key: ctrl+g, does: its type, run: [file, \"{path}\"], shows: output}\n", ui.Settings{Commands: []ui.OwnCommand{
			{Key: "ctrl+g", Does: "its type", Run: []string{"file", "{path}"}, Shows: "output"},
		}}, ""},
		{"a line for a shell", "commands:\n- {key: ctrl+g, run: \"file {path}\"}\n", ui.Settings{}, "config.yaml:2: run has to be a list of words"},
		{"a placeholder without quotes", "commands:\n- {key: ctrl+g, run: [file, {path}]}\n", ui.Settings{}, "each argument has to be one text"},
		{"a command's key that is taken", "commands:\n- {key: m, run: [file]}\n", ui.Settings{}, `"m" is both command 1 and mode`},
		{"a command's key that is taken later", "commands:\n- {key: ctrl+g, run: [file]}\nkeys:\n  mode: ctrl+g\n", ui.Settings{}, `"ctrl+g" is both command 1 and mode`},
		{"a command that isn't a map", "commands: [x]\n", ui.Settings{}, "a command has to be a map"},
		{"commands that aren't a list", "commands: x\n", ui.Settings{}, "commands has to be a list"},
		{"an unknown word of a command", "commands:\n- {key: x, runs: [file]}\n", ui.Settings{}, `unknown key "runs" of a command`},
		{"an unknown key", "theme: dark\ncolour: red\n", ui.Settings{}, `config.yaml:2: unknown setting "colour"`},
		{"an invalid value", "\ntheme: pink\n", ui.Settings{}, `config.yaml:2: theme: "pink" is not one of`},
		{"no value", "theme:\n", ui.Settings{}, "theme has no value"},
		{"twice", "sort: name\nsort: size\n", ui.Settings{}, "occurs twice"},
		{"an unknown action", "keys:\n  fly: f\n", ui.Settings{}, `unknown action "fly"`},
		{"a key for two", "keys:\n  sort: m\n", ui.Settings{}, `"m" is both mode and sort`},
		{"keys that aren't a map", "keys: x\n", ui.Settings{}, "keys has to be a map"},
		{"empty", "# nothing\n", ui.Settings{}, "it is empty"},
		{"aliases", "theme: &a dark\nsort: *a\n", ui.Settings{}, "anchor"},
		{"no YAML", "theme: [", ui.Settings{}, "config.yaml"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := settingsFile(t, tt.content)
			path, got, err := loadSettings()
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Fatalf("%v, want %q", err, tt.fails)
				}
				return
			}
			if err != nil || path != want || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s: %+v, %v; want %+v", path, got, err, tt.want)
			}
		})
	}
}

// TestConfigPrintsAFile checks that the output of peel config is a file with the same settings.
func TestConfigPrintsAFile(t *testing.T) {
	for _, content := range []string{"", "theme: dark\nkeys:\n  quit: ctrl+q\n", "mouse: off\ncolours: {waste: red, text: \"#123456\"}\ncommands:\n- {key: \"!\", run: [sh, -c, \"a: 'b' \\n\", \"{path}\"], does: \"a: b\", shows: output}\n"} {
		settingsFile(t, content)
		var out, errs bytes.Buffer
		if code := Main([]string{"config"}, nil, &out, &errs); code != 0 {
			t.Fatalf("exit %d: %s", code, &errs)
		}
		_, before, _ := loadSettings()
		after, err := parseSettings(out.Bytes())
		if err != nil {
			t.Fatalf("%v:\n%s", err, &out)
		}
		was, _ := before.AllKeys()
		is, _ := after.AllKeys()
		if !reflect.DeepEqual(before.Colours, after.Colours) || !reflect.DeepEqual(before.Commands, after.Commands) {
			t.Errorf("%+v became %+v", before, after)
		}
		if !reflect.DeepEqual(was, is) || before.Theme != "" && before.Theme != after.Theme {
			t.Errorf("%+v became %+v", before, after)
		}
	}
}

// TestWrongSettings checks that a malformed settings file counts as wrong usage, for the screen
// and for peel config.
func TestWrongSettings(t *testing.T) {
	settingsFile(t, "them: dark\n")
	var out, errs bytes.Buffer
	if code := Main([]string{"config"}, nil, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "unknown setting") {
		t.Errorf("exit %d: %s", code, &errs)
	}
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte("theme: dark\nkeys: {quit: [q, ctrl+q]}\n"))
	f.Add([]byte("keys:\n  sort: m\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseSettings(data)
		if err != nil {
			return
		}
		if err := s.Check(); err != nil {
			t.Errorf("%+v was accepted: %v", s, err)
		}
		if err := writeSettings(&bytes.Buffer{}, "x", s); err != nil {
			t.Error(err)
		}
	})
}
