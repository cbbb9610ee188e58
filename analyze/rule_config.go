package analyze

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/peelhq/peel/source"
)

// healthcheck requires a health check in the image.
func healthcheck(c *checker, _ onOff) verdict {
	v := verdict{value: "set", limit: "set", message: "the image has a health check"}
	test := c.a.Image.Config.Healthcheck
	switch {
	case len(test) == 0:
		v.failed, v.value, v.message = true, "none", "the image has no health check"
	case strings.EqualFold(test[0], "NONE"):
		v.failed, v.value, v.message = true, "switched off", "the image's health check is switched off: HEALTHCHECK NONE"
	}
	if v.failed {
		v.title = "No health check"
		v.advice = "Add HEALTHCHECK CMD with a command that fails when the program does not answer. Where an orchestrator has probes of its own, as Kubernetes does, switch the rule off."
	}
	return v
}

// userCollector collects the names and numbers of the users in /etc/passwd.
var userCollector = source.Collector{
	Name: "users/1", Most: 1,
	Wants: func(r *source.Record) bool {
		return r.Size > 0 && r.Size <= maxPasswd && !r.Sparse && len(r.Name) <= len("./etc/passwd") && cleanPath(string(r.Name)) == passwdPath
	},
	Draw: func(_ string, content io.Reader) ([]byte, error) {
		text, err := io.ReadAll(io.LimitReader(content, maxPasswd))
		if err != nil {
			return nil, err
		}
		return appendUsers([]byte{}, string(text)), nil
	},
}

const (
	passwdPath = "/etc/passwd"
	maxPasswd  = 1 << 20 // bytes
)

// appendUsers appends a line "NAME UID" for each user in a passwd file.
func appendUsers(b []byte, passwd string) []byte {
	for line := range strings.Lines(passwd) {
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 4); len(parts) == 4 && parts[0] != "" {
			b = append(b, parts[0]+" "+parts[2]+"\n"...)
		}
	}
	return b
}

// notRoot requires that containers do not run as root.
func notRoot(ctx context.Context, c *checker, _ onOff) (verdict, error) {
	config := c.a.Image.Config
	name, _, _ := strings.Cut(strings.TrimSpace(config.User), ":")
	v := verdict{value: config.User, limit: "not root"}
	isRoot := func(format string, args ...any) (verdict, error) {
		v.failed, v.title, v.message = true, "Runs as root", fmt.Sprintf(format, args...)
		v.advice = "Add a user, give it what it must write (COPY --chown), and end the Dockerfile with USER. A number (USER 10001) can be checked by Kubernetes' runAsNonRoot too."
		return v, nil
	}
	if strings.HasPrefix(c.a.Image.Platform, "windows/") {
		switch {
		case name == "":
			v.unknown, v.try = "a Windows image that names no user runs as its base image says", "Name one with USER ContainerUser."
		case strings.EqualFold(name, "ContainerAdministrator"):
			return isRoot("the image runs as %s", gapped(name))
		default:
			v.message = "the image runs as " + gapped(name)
		}
		return v, nil
	}
	uid, err := strconv.Atoi(name) // as engines parse it: "00" and "+0" are root too
	switch {
	case name == "":
		v.value = "root"
		return isRoot("the image runs as root: it names no user")
	case name == "root", err == nil && uid == 0:
		return isRoot("the image runs as root: its user is %s", gapped(config.User))
	case err == nil:
		v.message = "the image runs as user " + gapped(name)
		return v, nil
	}
	users, err := c.users(ctx)
	if ctx.Err() != nil {
		return v, ctx.Err()
	}
	number, known := users[name]
	switch {
	case err == nil && !known:
		v.unknown, v.try = fmt.Sprintf("no user %s in %s: engines will not start a container", gapped(name), passwdPath), "Add the user in a step of the Dockerfile, or name it by its number."
	case err != nil:
		v.message = fmt.Sprintf("the image runs as %s, whose number is not known: %s cannot be read here", gapped(name), passwdPath)
	case number == "0":
		return isRoot("the image runs as root: %s has number 0 in %s", gapped(name), passwdPath)
	default:
		v.message = fmt.Sprintf("the image runs as %s, number %s", gapped(name), gapped(number))
	}
	return v, nil
}

// users returns the user numbers in the final image by name; none if it has no /etc/passwd. The
// error is why it can't be read.
func (c *checker) users(ctx context.Context) (map[string]string, error) {
	t := c.a.Tree
	n, err := Resolve(t, len(t.layers)-1, passwdPath, true)
	if errors.Is(err, ErrNoPath) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v, ok := t.At(n, len(t.layers)-1)
	if !ok {
		return nil, nil
	}
	layer, entry, ok := v.Content()
	if !ok {
		return nil, v.noContent()
	}
	lines, known := "", layer.Entries.Size(entry) == 0
	for _, f := range layer.Facts {
		if f.Collector == userCollector.Name && f.Entry == entry {
			lines, known = string(f.Data), true
		}
	}
	if !known { // it is elsewhere, or the image was opened without collectors
		text, err := readSome(ctx, v, maxPasswd)
		if err != nil {
			return nil, err
		}
		lines = string(appendUsers(nil, text))
	}
	users := map[string]string{}
	for line := range strings.Lines(lines) {
		name, number, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if _, had := users[name]; !had { // the first one counts
			if uid, err := strconv.Atoi(number); err == nil {
				number = strconv.Itoa(uid)
			}
			users[name] = number
		}
	}
	return users, nil
}

// readSome returns the first bytes of a file.
func readSome(ctx context.Context, v Version, most int64) (string, error) {
	r, err := v.Open(ctx)
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, most))
	return string(text), err
}

// A LabelWant is a required label.
type LabelWant struct {
	Name string
	Glob string // for its value; "*" for any value that is not empty
}

// String returns the want as written.
func (w LabelWant) String() string {
	if w.Glob == "*" {
		return w.Name
	}
	return w.Name + "=" + w.Glob
}

// maxWantedLabels and maxLabelWant are the maximum number of labels in a rule and the maximum
// text of each; maxLabelValue is how many bytes of a value are matched.
const (
	maxWantedLabels = 1000
	maxLabelWant    = 1024
	maxLabelValue   = 64 << 10
)

// addLabel parses another label: "NAME" or "NAME=GLOB".
func addLabel(have []LabelWant, text string) ([]LabelWant, error) {
	name, glob, some := strings.Cut(text, "=")
	if !some {
		glob = "*"
	}
	if name == "" || glob == "" || strings.TrimSpace(name) != name || len(text) > maxLabelWant {
		return nil, errors.New(`give a label as NAME or NAME=GLOB (* and ? in it stand for anything), or "off"`)
	}
	if len(have) == maxWantedLabels {
		return nil, fmt.Errorf("more than %d labels", maxWantedLabels)
	}
	return append(slices.Clone(have), LabelWant{name, glob}), nil
}

// wantLabels requires labels.
func wantLabels(c *checker, wants []LabelWant) verdict {
	labels := c.a.Image.Config.Labels
	var missing []string
	v := verdict{limit: pick(len(wants) == 1, "1 label", strconv.Itoa(len(wants))+" labels")}
	for _, w := range wants {
		value, has := labels[w.Name]
		var problem string
		switch {
		case !has:
			problem = "the image has no label " + gapped(w.Name)
		case value == "":
			problem = "the label " + gapped(w.Name) + " is empty"
		case !like(w.Glob, value[:min(len(value), maxLabelValue)]):
			problem = fmt.Sprintf("the label %s does not match %s", gapped(w.Name), gapped(w.Glob))
		default:
			continue
		}
		missing = append(missing, w.Name)
		v.findings = append(v.findings, Finding{
			ID: w.String(), Title: "Label missing", Message: problem, Layer: -1,
			Advice: "Set it in the Dockerfile (LABEL " + w.Name + "=...), or when building: docker build --label.",
		})
	}
	v.failed = len(missing) > 0
	v.value = strconv.Itoa(len(wants)-len(missing)) + " of them"
	v.number, v.bound = countOf(len(wants)-len(missing)), countOf(len(wants))
	v.message = "the image has all required labels"
	if v.failed {
		v.message = "labels are missing or wrong: " + enumerate(missing[:min(len(missing), namedLayers)])
	}
	return v
}

// like reports whether text matches a glob with "*" and "?".
func like(glob, text string) bool {
	g, t := 0, 0
	star, from := -1, 0 // the last "*", and the end of its match so far
	for t < len(text) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, from = g, t
			g++
		case g < len(glob) && (glob[g] == '?' || glob[g] == text[t]):
			g++
			t++
		case star >= 0:
			from++
			g, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(glob[g:], "*") == ""
}

// sortedNames returns the sorted keys of labels.
func sortedNames(labels map[string]string) []string { return slices.Sorted(maps.Keys(labels)) }
