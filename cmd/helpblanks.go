package cmd

import "io"

// helpWriter drops the blanks at the ends of lines, with which the help fills its
// width: a terminal needs them for a background, a file does not.
type helpWriter struct {
	w      io.Writer
	blanks int   // that may end the line
	err    error // why a write failed: fang drops it
}

func (h *helpWriter) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p)+h.blanks)
	for _, c := range p {
		switch c {
		case ' ':
			h.blanks++
			continue
		case '\n':
			h.blanks = 0
		}
		for ; h.blanks > 0; h.blanks-- {
			out = append(out, ' ')
		}
		out = append(out, c)
	}
	if _, err := h.w.Write(out); err != nil {
		h.err = err
		return 0, err
	}
	return len(p), nil
}
