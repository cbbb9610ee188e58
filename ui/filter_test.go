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
				t.Errorf("got rows of %s\nwant %s", got, tt.paths)
			}
			rowWith(t, m, tt.title)
		})
	}
}

// TestFilterWrong checks that an invalid filter keeps the prompt open and shows an error.
func TestFilterWrong(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "f")
	typed(m, "*.conf re:(")
	press(m, "enter")
	if got := footerOf(m); !strings.Contains(got, "re:( (at 8): missing closing )") {
		t.Errorf("got footer %q", got)
	}
	press(m, "backspace")
	typed(m, "nginx")
	press(m, "enter")
	if m.prompt != nil || m.explorer.files.request.filter.String() != "*.conf re:nginx" {
		t.Errorf("got filter %q, prompt %v", m.explorer.files.request.filter, m.prompt)
	}
}

// TestFilterKeepsWhatIsOpen checks that the directories that were open are restored when the
// filter is removed, whatever was closed meanwhile, and that the path under the cursor stays
// visible.
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
		t.Errorf("got rows of %s\nwant %s", got, want)
	}
}

// TestFilterMarksLayers checks that layers without matches of the filter are dimmed.
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
		t.Error("a layer without matches isn't dimmed")
	}
	press(m, "F")
	if m.explorer.layers.signs != nil {
		t.Error("marks are left after the filter is removed")
	}
}

// TestSearchInFilter checks that a search covers the filtered rows, and reports matches outside
// the filter.
func TestSearchInFilter(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "f")
	typed(m, "*.py")
	press(m, "enter /")
	typed(m, "nginx")
	if got := footerOf(m); !strings.Contains(got, "beyond the filter: 3") {
		t.Errorf("got footer %q", got)
	}
	press(m, "enter")
	if got := footerOf(m); !strings.Contains(got, "3 paths beyond the filter") {
		t.Errorf("got footer %q", got)
	}
	press(m, "F n")
	if got := cursorOn(t, m); got != "/usr/sbin/nginx" {
		t.Errorf("got cursor on %s", got)
	}
}

// TestTheLastFilterWins checks that rows for an outdated filter are dropped, and those of the
// last filter are shown.
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
		t.Errorf("got rows of %s", got)
	}
	if m.explorer.files.busy || m.explorer.files.shown != m.explorer.files.seq {
		t.Errorf("request %d is shown, want %d", m.explorer.files.shown, m.explorer.files.seq)
	}
}

// TestTypedAheadOfThePrompt checks that keys typed before the prompt opens go into it in order.
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
	_, cmd := m.Update(cmds[0]()) // the rows for F have arrived
	for _, k := range " !libc" {
		_, cmd := m.Update(tea.KeyPressMsg{Code: k, Text: string(k)})
		cmds = append(cmds, cmd)
	}
	settle(m, append(cmds[1:], cmd)...)
	if got := m.explorer.files.request.filter.String(); got != ">1kB !libc" {
		t.Errorf("got filter %q", got)
	}
}

// TestJumpToWhatIsFilteredOut checks that a jump to a path that the filter hides shows a
// message.
func TestJumpToWhatIsFilteredOut(t *testing.T) {
	m := start(t, open(t, "app"), 120, 40)
	press(m, "f")
	typed(m, "*.conf")
	press(m, "enter")
	n, _ := m.a.Tree.Lookup("/usr/bin")
	settle(m, m.jump(n, 7, analyze.Union))
	if got := footerOf(m); got != "/usr/bin is filtered out: F clears the filter" {
		t.Errorf("got footer %q", got)
	}
	press(m, "F")
	if got := cursorOn(t, m); got != "/usr/bin" {
		t.Errorf("got cursor on %s", got)
	}
}
