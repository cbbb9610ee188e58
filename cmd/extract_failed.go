package cmd

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"syscall"

	"github.com/peelhq/peel/internal/clean"
	"github.com/peelhq/peel/internal/human"
)

// failedShown is the maximum number of failed paths that a message names.
const failedShown = 20

// nameShown is the maximum number of bytes of a path in a message.
const nameShown = 240

// failures are the paths that an extraction could not write; it continues with the others.
type failures struct {
	told   []string        // the first ones, each with the reason, fit for a terminal
	untold int             // how many more there are of that kind
	paths  int             // not written, with those below a directory that failed
	bare   int             // written, but without their mode or time
	exist  int             // not written because something already exists
	dirs   map[string]bool // directories that could not be made or entered, and those below them
	try    string          // what may help, "" if nothing is known
}

// add notes that a path was not written.
func (f *failures) add(name string, err error) {
	f.paths++
	f.tell(shortName(name)+": "+reason(err).Error(), err)
}

// addDir notes that a directory cannot be written to, and so nothing below it can. made says that
// the directory itself exists.
func (f *failures) addDir(name string, made bool, err error) {
	if !made {
		f.paths++
	}
	f.shut(name)
	f.tell(shortName(name)+", with all below it: "+reason(err).Error(), err)
}

// addBare notes that a path was written, but did not get its mode or time.
func (f *failures) addBare(name string, err error) {
	f.bare++
	f.tell(shortName(name)+": its mode or time cannot be set: "+reason(err).Error(), err)
}

func (f *failures) tell(text string, err error) {
	if errors.Is(err, errExists) {
		f.exist++
	}
	if f.try == "" {
		f.try = extractAdvice(err)
	}
	if len(f.told) == failedShown {
		f.untold++
		return
	}
	f.told = append(f.told, clean.Text(text))
}

// shut notes a directory that cannot be written to.
func (f *failures) shut(name string) {
	if f.dirs == nil {
		f.dirs = map[string]bool{}
	}
	f.dirs[name] = true
}

// below reports whether a path is in a directory that cannot be written to. If so, it counts the
// path.
func (f *failures) below(name string) bool {
	if len(f.dirs) == 0 || !f.dirs[path.Dir(name)] {
		return false
	}
	f.paths++
	return true
}

// list returns the paths that were not written, one per line.
func (f *failures) list() string {
	var b strings.Builder
	for _, line := range f.told {
		b.WriteString("\n- " + line)
	}
	if f.untold > 0 {
		fmt.Fprintf(&b, "\n- and %d more", f.untold)
	}
	return b.String()
}

// summary says how much was written to a directory, and how much was not.
func (t *tally) summary(dir string) string {
	said := fmt.Sprintf("%s, %s written to %s", human.Count(t.files, "file", "files"), human.Size(t.bytes), clean.Line(dir))
	var but []string
	if t.paths > 0 {
		but = append(but, fmt.Sprintf("%d of %s not written", t.paths, human.Count(t.planned, "path", "paths")))
	}
	if t.bare > 0 {
		but = append(but, fmt.Sprintf("%d without the right mode or time", t.bare))
	}
	if but == nil {
		return said
	}
	return said + "; " + strings.Join(but, ", ")
}

// failed reports whether anything is missing.
func (t *tally) failed() bool { return t.paths+t.bare > 0 }

// shortName leaves out the middle of a path that is too long for a message.
func shortName(name string) string {
	if len(name) <= nameShown {
		return name
	}
	const half = nameShown/2 - 2
	return strings.ToValidUTF8(name[:half], "") + "…" + strings.ToValidUTF8(name[len(name)-half:], "")
}

// A readError says that the image's content can't be read, so the rest of the layer can't be read
// either.
type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }

// endErrors are errors of the output directory after which no other path can be written. See
// endErrorsHere for those of one system.
var endErrors = []error{
	syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM,
	context.Canceled, context.DeadlineExceeded,
}

// endsExtraction reports whether err would also affect all further paths.
func endsExtraction(err error) bool {
	if _, ok := errors.AsType[*readError](err); ok {
		return true
	}
	for _, end := range append(endErrors, endErrorsHere...) {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// extractAdvice says what to try when a path could not be written.
func extractAdvice(err error) string {
	switch {
	case errors.Is(err, errExists):
		return "--force to replace files, or another directory"
	case errors.Is(err, errImage):
		return "another directory"
	case errors.Is(err, errNotDir), errors.Is(err, errIsDir):
		return "another directory, or move that away"
	}
	return ""
}
