package report

// paint is one of a terminal's 16 colours, as parameters of its escape sequence; the user's theme
// decides how it looks.
type paint string

const (
	bold   paint = "1"
	red    paint = "1;31"
	green  paint = "32"
	yellow paint = "33"
)

// on returns s in the colour, or s itself without colours.
func (c paint) on(s string, coloured bool) string {
	if !coloured || s == "" {
		return s
	}
	return "\x1b[" + string(c) + "m" + s + "\x1b[0m"
}
