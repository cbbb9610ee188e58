package ui

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestKeysInDocs checks the table of keys in the docs, which is generated from the key
// bindings.
func TestKeysInDocs(t *testing.T) {
	const file, from, to = "../docs/reference/keys.md", "-update -->\n", "<!-- end of keys -->"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), from)
	_, tail, alsoOK := strings.Cut(rest, to)
	if !ok || !alsoOK {
		t.Fatal("the marks around the table are missing")
	}
	want := head + from + keyTable() + to + tail
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(data) {
		t.Errorf("%s is out of date: run go test ./ui -run TestKeysInDocs -update", file)
	}
}

// keyTable returns a table of every key in the groups of the help, those of the views first.
func keyTable() string {
	k := newKeyMap(false)
	var b strings.Builder
	seen := map[string]bool{}
	for _, scope := range k.scopes() {
		for _, g := range scope.groups {
			rows := ""
			for _, key := range g.keys {
				if seen[key.name] {
					continue
				}
				seen[key.name] = true
				keys := strings.ReplaceAll(strings.Join(key.Keys(), "`, `"), "|", `\|`)
				rows += "| `" + keys + "` | " + key.Help().Desc + " | `" + key.name + "` |\n"
			}
			if rows != "" {
				fmt.Fprintf(&b, "\n### %s\n\n| key | does | name in the settings |\n|---|---|---|\n%s", g.title, rows)
			}
		}
	}
	return b.String() + "\n"
}
