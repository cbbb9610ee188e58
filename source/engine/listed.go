package engine

import (
	"fmt"
	"strings"
)

// maxNames is the maximum number of names of contexts or connections in a message.
const maxNames = 20

// listed formats names for a message.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	text := strings.Join(names[:min(len(names), maxNames)], ", ")
	if more := len(names) - maxNames; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
