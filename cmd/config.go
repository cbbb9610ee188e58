package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/ui"
)

func (a *app) configCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Print the settings of the explorer",
		Long: `Print the explorer's settings, keys included: those of your settings file, and the defaults for the rest. You can save the output as that file.

The file is $XDG_CONFIG_HOME/peel/config.yaml (~/.config/peel/config.yaml; on macOS and Windows, in the system's settings folder). An unknown key or an invalid value is an error.`,
		Args: wantArgs(0, 0, "no arguments"),
		RunE: a.run(func(ctx context.Context, _ []string) error {
			return a.config(ctx)
		}),
	}
}

func (a *app) config(ctx context.Context) error {
	path, s, err := loadSettings()
	if err != nil {
		return err
	}
	return a.print(ctx, func(w io.Writer) error { return writeSettings(w, path, s) })
}

// settingsPath returns the path of the screen's settings, or "".
func settingsPath() string {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) { // as the XDG base directory specification says
		dir, _ = os.UserConfigDir() // it fails if the user has no home
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "peel", "config.yaml")
}

// loadSettings returns the screen's settings and their file, or "".
func loadSettings() (path string, s ui.Settings, err error) {
	if path = settingsPath(); path == "" {
		return "", s, nil
	}
	data, err := readBounded(path, false)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", s, nil
	case err != nil:
		return "", s, usage("", "cannot read the settings: %w", err)
	}
	if s, err = parseSettings(data); err != nil {
		if where := (*lineError)(nil); errors.As(err, &where) && where.line > 0 {
			path += fmt.Sprintf(":%d", where.line)
		}
		return "", s, usage("peel config with the file moved away, to see all settings", "%s: %w", path, err)
	}
	return path, s, nil
}

// parseSettings reads the content of a settings file.
func parseSettings(data []byte) (s ui.Settings, err error) {
	root, err := document(data)
	if err != nil {
		return s, err
	}
	texts := map[string]*string{"theme": &s.Theme, "sort": &s.Sort, "mode": &s.Mode, "columns": &s.Columns, "mouse": &s.Mouse}
	err = pairs(root, func(key, value *yaml.Node) error {
		switch key.Value {
		case "keys":
			s.Keys, err = parseKeys(value)
			return err
		case "colours":
			if s.Colours, err = parseColours(value); err == nil {
				err = checkAt(value, s)
			}
			return err
		case "commands":
			if s.Commands, err = parseCommands(value); err == nil {
				err = checkAt(value, s)
			}
			return err
		}
		to, ok := texts[key.Value]
		if !ok {
			return at(key, "unknown setting %q: the settings are theme, sort, mode, columns, mouse, colours, keys, commands", key.Value)
		}
		word, err := text(key, value)
		if err != nil {
			return err
		}
		*to = word
		if err := s.Check(); err != nil {
			return at(value, "%w", err)
		}
		return nil
	})
	if err == nil && len(s.Commands) > 0 { // keys may follow the commands
		err = s.Check()
	}
	return s, err
}

// checkAt checks settings. Its error has the line of n.
func checkAt(n *yaml.Node, s ui.Settings) error {
	if err := s.Check(); err != nil {
		return at(n, "%w", err)
	}
	return nil
}

// parseColours reads the map of roles to colours.
func parseColours(n *yaml.Node) (map[string]string, error) {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		return nil, at(n, `colours has to be a map, as 'waste: "#ff8800"'`)
	}
	colours := map[string]string{}
	err := pairs(n, func(key, value *yaml.Node) (err error) {
		colours[key.Value], err = text(key, value)
		return err
	})
	return colours, err
}

// parseCommands reads the list of the user's own commands.
func parseCommands(n *yaml.Node) ([]ui.OwnCommand, error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return nil, at(n, `commands has to be a list, as '- {key: ctrl+g, run: [file, "{path}"]}'`)
	}
	var all []ui.OwnCommand
	for _, item := range n.Content {
		if item.Kind != yaml.MappingNode {
			return nil, at(item, "a command has to be a map with key and run")
		}
		var c ui.OwnCommand
		texts := map[string]*string{"key": &c.Key, "does": &c.Does, "shows": &c.Shows}
		err := pairs(item, func(key, value *yaml.Node) (err error) {
			if key.Value == "run" {
				c.Run, err = parseRun(value)
				return err
			}
			to, ok := texts[key.Value]
			if !ok {
				return at(key, "unknown key %q of a command: the keys are key, does, run, shows", key.Value)
			}
			*to, err = text(key, value)
			return err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// parseRun parses a program with its arguments. A single text is rejected, because no shell
// parses it.
func parseRun(n *yaml.Node) ([]string, error) {
	if n.Kind != yaml.SequenceNode {
		return nil, at(n, `run has to be a list of words, as [file, "{path}"]: no shell reads it`)
	}
	words := make([]string, len(n.Content))
	for i, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			return nil, at(item, `run: each argument has to be one text (quote "{path}")`)
		}
		words[i] = item.Value
	}
	return words, nil
}

// parseKeys reads the map of actions to keys: one each, or a list.
func parseKeys(n *yaml.Node) (map[string][]string, error) {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		return nil, at(n, `keys has to be a map, as "quit: ctrl+q"`)
	}
	keys := map[string][]string{}
	err := pairs(n, func(key, value *yaml.Node) error {
		list := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			list = value.Content
		}
		keys[key.Value] = []string{}
		for _, item := range list {
			word, err := text(key, item)
			if err != nil {
				return err
			}
			keys[key.Value] = append(keys[key.Value], strings.TrimSpace(word))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := (ui.Settings{Keys: keys}).Check(); err != nil {
		return nil, at(n, "%w", err)
	}
	return keys, nil
}

// writeSettings prints settings as a file that has all of them.
func writeSettings(w io.Writer, path string, s ui.Settings) error {
	var b strings.Builder
	if path == "" {
		why := "no folder for a settings file is known"
		if file := settingsPath(); file != "" {
			why = clean.Line(file) + " does not exist"
		}
		b.WriteString("# The defaults: " + why + "\n")
	} else {
		b.WriteString("# " + clean.Line(path) + ", with defaults for what it leaves out\n")
	}
	for _, v := range []struct {
		name, value string
		of          []string
	}{{"theme", s.Theme, ui.Themes}, {"sort", s.Sort, ui.Sorts}, {"mode", s.Mode, ui.Modes}, {"columns", s.Columns, ui.ColumnChoices}, {"mouse", s.Mouse, ui.MouseChoices}} {
		if v.value == "" {
			v.value = v.of[0]
		}
		fmt.Fprintf(&b, "%-9s %-8s # %s\n", v.name+":", v.value, strings.Join(v.of, ", "))
	}
	writeColours(&b, s)
	writeCommands(&b, s)
	keys, err := s.AllKeys()
	if err != nil {
		return err
	}
	b.WriteString("keys:\n")
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		quoted := make([]string, len(keys[name]))
		for i, k := range keys[name] {
			quoted[i] = fmt.Sprintf("%q", k)
		}
		fmt.Fprintf(&b, "  %-16s [%s]\n", name+":", strings.Join(quoted, ", "))
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// writeColours prints the colours of roles, and a list of all roles.
func writeColours(b *strings.Builder, s ui.Settings) {
	names, help := ui.Roles()
	if len(s.Colours) > 0 {
		b.WriteString("colours:\n")
	} else {
		b.WriteString("# colours: # instead of the theme's: \"#rrggbb\", 0 to 255, or red, bright-blue ...\n")
	}
	for _, name := range names {
		if c, ok := s.Colours[name]; ok {
			fmt.Fprintf(b, "  %-16s %-10q # %s\n", name+":", c, help[name])
		} else {
			fmt.Fprintf(b, "#   %-14s %-10s # %s\n", name+":", `"..."`, help[name])
		}
	}
}

// writeCommands prints the user's own commands, or an example.
func writeCommands(b *strings.Builder, s ui.Settings) {
	if len(s.Commands) == 0 {
		b.WriteString("# commands: # your own, on the selected file: a program and its arguments, no shell\n" +
			"#   - {key: ctrl+g, does: \"its history\", run: [peel, log, \"{image}\", \"{path}\"], shows: output}\n" +
			"#   # {path}, {layer}, {image}; shows: terminal (default), output\n")
		return
	}
	b.WriteString("commands:\n")
	for _, c := range s.Commands {
		words := make([]string, len(c.Run))
		for i, w := range c.Run {
			words[i] = quoted(w)
		}
		fmt.Fprintf(b, "  - key: %s\n    run: [%s]\n", quoted(c.Key), strings.Join(words, ", "))
		if c.Does != "" {
			fmt.Fprintf(b, "    does: %s\n", quoted(c.Does))
		}
		if c.Shows != "" {
			fmt.Fprintf(b, "    shows: %s\n", quoted(c.Shows))
		}
	}
}

// quoted quotes a text for YAML, on one line.
func quoted(s string) string {
	q, err := json.Marshal(s) // JSON is YAML
	if err != nil {
		return fmt.Sprintf("%q", s)
	}
	return string(q)
}
