package ui

import (
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// shownPaths returns the paths of all rows of the files.
func shownPaths(m *model) string {
	var paths []string
	for r := range m.explorer.files.rows.all() {
		paths = append(paths, m.a.Tree.Path(r.node))
	}
	return strings.Join(paths, " ")
}

func TestFilterKeys(t *testing.T) {
	a := open(t, "app")
	tests := []struct {
		name   string
		filter string
		after  string
		paths  string
		title  string
	}{
		{"while typing", "*.conf", "", "/etc/nginx /etc/nginx/nginx.conf", "Files after layer 7 · 1 of 28 paths · 1.70 kB"},
		{"enter keeps it", "*.conf", "enter", "/etc/nginx /etc/nginx/nginx.conf", "1 of 28 paths"},
		{"esc drops it", "*.conf", "esc", "/usr /srv/app /etc /bin /tmp /var/lib/apt/lists", "Files after layer 7"},
		{"F drops it", "*.conf", "enter F", "/usr /srv/app /etc /bin /tmp /var/lib/apt/lists", "Files after layer 7"},
		{"esc brings the last one back", "*.conf", "enter f backspace x esc", "/etc/nginx /etc/nginx/nginx.conf", "filter: *.conf"},
		{"an empty one", "", "enter", "/usr /srv/app /etc /bin /tmp /var/lib/apt/lists", "Files after layer 7"},
		{"another layer", "*.conf", "enter [ [", "/etc/nginx /etc/nginx/nginx.conf", "Files after layer 5 · 1 of 28 paths · 1.50 kB"},
		{"another mode", "*.conf", "enter m [", "/etc/nginx /etc/nginx/nginx.conf", "Layer 6 alone · 1 of "},
		{"directories close", "*.conf", "enter g h", "/etc/nginx", "1 of 28"},
		{"nothing", "zz", "enter", "", "0 of 28 paths"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := start(t, a, 160, 40)
			press(m, "C g f")
			typed(m, tt.filter)
			press(m, tt.after)
			if got := shownPaths(m); got != tt.paths {
				t.Errorf("rows of %s\nwant %s", got, tt.paths)
			}
			rowWith(t, m, tt.title)
		})
	}
}

// A wrong filter keeps the prompt open, and says what is wrong.
func TestFilterWrong(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "f")
	typed(m, "*.conf re:(")
	press(m, "enter")
	if got := footerOf(m); !strings.Contains(got, "re:( (at 8): missing closing )") {
		t.Errorf("the footer says %q", got)
	}
	press(m, "backspace")
	typed(m, "nginx")
	press(m, "enter")
	if m.prompt != nil || m.explorer.files.request.filter.String() != "*.conf re:nginx" {
		t.Errorf("the filter is %q, the prompt %v", m.explorer.files.request.filter, m.prompt)
	}
}

// The reader's own open directories are there again when the filter goes,
// whatever was closed while it was on; and what the cursor was on is in sight.
func TestFilterKeepsWhatIsOpen(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "C g l")
	before := shownPaths(m)
	press(m, "f")
	typed(m, "*.conf")
	press(m, "enter g h")
	press(m, "f")
	typed(m, "x")
	press(m, "esc F")
	want := strings.Replace(before, "/etc ", "/etc /etc/nginx /etc/passwd ", 1)
	if got := shownPaths(m); got != want {
		t.Errorf("rows of %s\nwant %s", got, want)
	}
}

// Layers that have nothing to do with what a filter leaves are dimmed.
func TestFilterMarksLayers(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "f")
	typed(m, "nginx.conf")
	press(m, "enter")
	for text, sign := range map[string]string{"COPY config": "●", "pip install": "·", "apt-get upd": "○"} {
		if row := rowWith(t, m, text); !strings.Contains(row, sign+" "+text) {
			t.Errorf("no %s before the command in %s", sign, row)
		}
	}
	if dimmed := m.lk.st.faint.on + "pip"; !strings.Contains(m.View().Content, dimmed) {
		t.Error("a layer without matches is not dimmed")
	}
	press(m, "F")
	if m.explorer.layers.signs != nil {
		t.Error("signs are left when the filter is gone")
	}
}

// A search looks at what the filter leaves, and says what is beyond it.
func TestSearchInFilter(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "f")
	typed(m, "*.py")
	press(m, "enter /")
	typed(m, "nginx")
	if got := footerOf(m); !strings.Contains(got, "beyond the filter: 3") {
		t.Errorf("the footer says %q", got)
	}
	press(m, "enter")
	if got := footerOf(m); !strings.Contains(got, "3 paths beyond the filter") {
		t.Errorf("the footer says %q", got)
	}
	press(m, "F n")
	if got := cursorOn(t, m); got != "/usr/sbin/nginx" {
		t.Errorf("the cursor is on %s", got)
	}
}

// Rows of a filter that is not wanted any more are given up, and those of the
// last one are shown.
func TestTheLastFilterWins(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "f")
	var cmds []tea.Cmd
	for _, r := range "*.conf" {
		_, cmd := m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
		cmds = append(cmds, cmd)
	}
	slices.Reverse(cmds)
	settle(m, cmds...)
	if got := shownPaths(m); got != "/etc/nginx /etc/nginx/nginx.conf" {
		t.Errorf("rows of %s", got)
	}
	if m.explorer.files.busy || m.explorer.files.shown != m.explorer.files.seq {
		t.Errorf("request %d is shown, not %d", m.explorer.files.shown, m.explorer.files.seq)
	}
}

// What is typed ahead of the prompt goes into it in the order in which it was
// typed.
func TestTypedAheadOfThePrompt(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "f")
	typed(m, "*")
	press(m, "enter")
	var cmds []tea.Cmd
	for _, k := range "Ff>1kB" {
		_, cmd := m.Update(tea.KeyPressMsg{Code: k, Text: string(k)})
		cmds = append(cmds, cmd)
	}
	_, cmd := m.Update(cmds[0]()) // the rows of F are there
	for _, k := range " !libc" {
		_, cmd := m.Update(tea.KeyPressMsg{Code: k, Text: string(k)})
		cmds = append(cmds, cmd)
	}
	settle(m, append(cmds[1:], cmd)...)
	if got := m.explorer.files.request.filter.String(); got != ">1kB !libc" {
		t.Errorf("the filter is %q", got)
	}
}

// A jump to what the filter hides says so.
func TestJumpToWhatIsFilteredOut(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "f")
	typed(m, "*.conf")
	press(m, "enter")
	n, _ := m.a.Tree.Lookup("/usr/bin")
	settle(m, m.jump(n, 7, analyze.Union))
	if got := footerOf(m); got != "/usr/bin is filtered out: F drops the filter" {
		t.Errorf("the footer says %q", got)
	}
	press(m, "F")
	if got := cursorOn(t, m); got != "/usr/bin" {
		t.Errorf("the cursor is on %s", got)
	}
}
