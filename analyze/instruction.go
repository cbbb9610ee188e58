package analyze

import (
	"regexp"
	"strings"
)

// What builders put around a step's command.
var (
	// The classic builder runs RUN's command with build arguments in front:
	// "|2 A=1 B=2 /bin/sh -c make".
	buildArgs = regexp.MustCompile(`^\|\d+ `)
	// Both builders say which shell; BuildKit writes RUN itself.
	shell = regexp.MustCompile(`^(RUN )?(?:/bin/(?:ba|da|a)?sh(?: -\w+)* -\w*c|cmd /S /C|powershell -Command) `)
)

// Instruction returns a step's command as in the Dockerfile: "RUN apt-get
// update", "COPY . /app". What the builders put around it is taken off; of a
// command that no builder wrote, nothing is. It is the image's raw text: escape
// it before a terminal sees it.
func Instruction(command string) string {
	s := strings.TrimSpace(command)
	buildKit := strings.HasSuffix(s, "# buildkit")
	s = strings.TrimSpace(strings.TrimSuffix(s, "# buildkit"))
	if args := buildArgs.FindString(strings.TrimPrefix(s, "RUN ")); args != "" {
		s = strings.TrimPrefix(s, "RUN ")
		if at := shell.FindStringIndex(s[max(0, strings.Index(s, " /bin/")+1):]); at != nil {
			s = s[strings.Index(s, " /bin/")+1:]
		}
	}
	at := shell.FindString(s)
	switch {
	case at != "" && strings.HasPrefix(s[len(at):], "#(nop)"):
		return strings.TrimSpace(strings.TrimPrefix(s[len(at):], "#(nop)"))
	case at != "":
		return "RUN " + strings.TrimSpace(s[len(at):])
	case buildKit:
		return s
	}
	return s
}
