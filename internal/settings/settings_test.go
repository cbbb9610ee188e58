package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

func TestTOML(t *testing.T) {
	for _, c := range []struct {
		name, text string
		key        string // that is read from it
		err        []string
	}{
		{name: "a key", text: "name = 'a'\nother = 1", key: "a"},
		{name: "empty"},
		{name: "as large as may be", text: "#" + strings.Repeat(" ", MostTOML-1)},
		{name: "larger", text: "#" + strings.Repeat(" ", MostTOML), err: []string{"conf is larger than 131072 bytes"}},
		{name: "cut", text: "a = 1\nname = 'secret", err: []string{"conf, line 2: "}},
		{name: "of another type", text: "name = [\n'secret']", err: []string{"conf, line 1: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "conf")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var got struct{ Name string }
			found, err := TOML(path, &got)
			if c.err != nil {
				testkit.WantError(t, err, c.err...)
				if strings.Contains(err.Error(), "secret") {
					t.Errorf("%q repeats a value", err)
				}
				return
			}
			if !found || err != nil || got.Name != c.key {
				t.Errorf("found %v, name %q, error %v; want name %q", found, got.Name, err, c.key)
			}
		})
	}
}

// TestMissing checks that a missing file isn't an error if it may be missing.
func TestMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conf")
	if found, err := TOML(path, &struct{}{}); found || err != nil {
		t.Errorf("TOML: found %v, error %v", found, err)
	}
	if data, err := Optional(path); data != nil || err != nil {
		t.Errorf("Optional: %q, error %v", data, err)
	}
	if _, err := Read(path); !os.IsNotExist(err) {
		t.Errorf("Read: error %v", err)
	}
}
