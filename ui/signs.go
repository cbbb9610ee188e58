package ui

import (
	"runtime"
	"strings"

	"github.com/peelhq/peel/analyze"
)

// signs are the characters that the screen is drawn with. Each takes one
// column, unless its comment says otherwise.
type signs struct {
	strip   [4]string // by analyze.Sign
	change  [5]string // by analyze.Change
	open    string    // before a directory whose content is shown
	closed  string    // before a directory whose content is not
	mark    string    // at the left of the selected row
	drop    string    // in a chip: click to remove it
	marked  string    // before the name of a marked path
	between string    // at the left of a layer in the chosen range
	base    string    // beside a layer of the base image
	box     string    // beside a container's own layer
	bar     string    // bytes that show
	run     [7]string // a cell of a bar partly filled from the left, in eighths
	rise    [8]string // a cell partly filled from below, in eighths
	waste   string    // wasted bytes, without colours
	wasteIn string    // the empty part of such a cell
	less    string    // there is more to the left
	more    string    // there is more to the right
	was     string    // between a value and the one before it; two columns in ASCII
	link    string    // between a symlink and its target; two columns in ASCII
	hard    string    // between a hard link and its target; two columns in ASCII
	order   string    // after the name of the sort column
	back    string    // the same, in reverse order
	tail    string    // where a text is cut off; two columns in ASCII
	dot     string    // between two facts
	up      string    // before the number of rows hidden above
	down    string    // and below
	under   string    // between a layer and the one that hides it; two columns in ASCII

	full, empty         string // of the bar while loading
	spin                []string
	top, side           string // borders
	topLeft, topRight   string
	lowLeft, lowRight   string
	leftJoin, rightJoin string
}

var unicodeSigns = signs{
	strip: [4]string{
		analyze.SignNothing: "·",
		analyze.SignRemoved: "✕",
		analyze.SignCovered: "○",
		analyze.SignShows:   "●",
	},
	change: [5]string{
		analyze.Added:     "+",
		analyze.Modified:  "~",
		analyze.Metadata:  "±",
		analyze.Identical: "=",
		analyze.Removed:   "−",
	},
	open: "▾", closed: "▸", mark: "▌", marked: "◆", drop: "×", between: "│", base: "⌂", box: "▣",
	bar: "█", waste: "▒", wasteIn: "░",
	run:  [7]string{"▏", "▎", "▍", "▌", "▋", "▊", "▉"},
	rise: [8]string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
	less: "‹", more: "›",
	was: "←", link: "→", hard: "⇒", order: "▾", back: "▴", tail: "…", dot: "·", under: "◂", up: "↑", down: "↓",
	full: "━", empty: "─",
	spin: []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"},
	top:  "─", side: "│", topLeft: "╭", topRight: "╮",
	lowLeft: "╰", lowRight: "╯", leftJoin: "├", rightJoin: "┤",
}

var asciiSigns = signs{
	strip: [4]string{
		analyze.SignNothing: ".",
		analyze.SignRemoved: "x",
		analyze.SignCovered: "o",
		analyze.SignShows:   "#",
	},
	change: [5]string{
		analyze.Added:     "A",
		analyze.Modified:  "M",
		analyze.Metadata:  "*",
		analyze.Identical: "=",
		analyze.Removed:   "D",
	},
	open: "-", closed: "+", mark: ">", marked: "@", drop: "x", between: "|", base: "b", box: "c",
	bar: "#", waste: "%", wasteIn: "%",
	run:  [7]string{" ", " ", " ", "#", "#", "#", "#"},
	rise: [8]string{" ", " ", ".", ".", ":", ":", "#", "#"},
	less: "$", more: "$",
	was: "<-", link: "->", hard: "=>", order: "v", back: "^", tail: "..", dot: "-", under: "<-", up: "^ ", down: "v ",
	full: "#", empty: "-",
	spin: []string{"|", "/", "-", "\\"},
	top:  "-", side: "|", topLeft: "+", topRight: "+",
	lowLeft: "+", lowRight: "+", leftJoin: "+", rightJoin: "+",
}

// fill returns a cell of a bar filled from the left by 1 to 8 eighths.
func (sg *signs) fill(eighths int) string {
	if eighths == 8 {
		return sg.bar
	}
	return sg.run[eighths-1]
}

// wasted returns the same for wasted bytes, without colours.
func (sg *signs) wasted(eighths int) string {
	switch {
	case eighths >= 6:
		return sg.waste
	case eighths >= 2 && sg.run[eighths-1] != " ":
		return sg.wasteIn
	}
	return " "
}

// asciiLocale reports whether the locale isn't UTF-8: the first of LC_ALL, LC_CTYPE and LANG
// that is set decides (POSIX, "Environment Variables", 8.2). Windows terminals always accept
// UTF-8.
func asciiLocale(getenv func(string) string) bool {
	if runtime.GOOS == "windows" {
		return false
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(getenv(name)); v != "" {
			return !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8")
		}
	}
	return true
}
