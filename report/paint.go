package report

// paint is one of a terminal's own 16 colours, as the parameters of its escape
// sequence: what they look like is the reader's choice.
type paint string

const (
	bold   paint = "1"
	red    paint = "1;31"
	green  paint = "32"
	yellow paint = "33"
)

// on returns s in the colour, and s itself if there is to be none.
func (c paint) on(s string, coloured bool) string {
	if !coloured || s == "" {
		return s
	}
	return "\x1b[" + string(c) + "m" + s + "\x1b[0m"
}
