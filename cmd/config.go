package cmd

import (
	"cmp"
	"context"
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

// settingsPath is where the settings of the screen are, "" if there is no place
// for them.
func settingsPath() string {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) { // as the XDG base directory specification has it
		dir, _ = os.UserConfigDir() // it fails where the user has no home
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "peel", "config.yaml")
}

// loadSettings returns the settings of the screen and the file that they are
// in, "" where there is none.
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
		return "", s, usage("peel config, with the file moved away, for the settings there are", "%s: %w", path, err)
	}
	return path, s, nil
}

// parseSettings reads the content of a settings file.
func parseSettings(data []byte) (s ui.Settings, err error) {
	root, err := document(data)
	if err != nil {
		return s, err
	}
	texts := map[string]*string{"theme": &s.Theme, "sort": &s.Sort, "mode": &s.Mode, "columns": &s.Columns}
	err = pairs(root, func(key, value *yaml.Node) error {
		if key.Value == "keys" {
			s.Keys, err = parseKeys(value)
			return err
		}
		to, ok := texts[key.Value]
		if !ok {
			return at(key, "%q is no setting: there are theme, sort, mode, columns, keys", key.Value)
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
	return s, err
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
		path = cmp.Or(settingsPath(), "settings file, nor a folder for one")
		b.WriteString("# The defaults: there is no " + clean.Line(path) + "\n")
	} else {
		b.WriteString("# " + clean.Line(path) + ", and the defaults for what it leaves out\n")
	}
	for _, v := range []struct {
		name, value string
		of          []string
	}{{"theme", s.Theme, ui.Themes}, {"sort", s.Sort, ui.Sorts}, {"mode", s.Mode, ui.Modes}, {"columns", s.Columns, ui.ColumnChoices}} {
		if v.value == "" {
			v.value = v.of[0]
		}
		fmt.Fprintf(&b, "%-9s %-8s # %s\n", v.name+":", v.value, strings.Join(v.of, ", "))
	}
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
