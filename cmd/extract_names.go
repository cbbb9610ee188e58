package cmd

import (
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// local returns a name in the form that the system's file functions take.
func local(name string) string { return filepath.FromSlash(name) }

// errName says that the system has no such names.
var errName = errors.New("this system does not allow that name")

// checkName says why a system can't have a file with a name; it checks the last component.
// Source: Microsoft, "Naming Files, Paths, and Namespaces". Windows gives some names another
// meaning: a stream of another file ("a:b"), a file in a directory ("a\b"), the file "a" ("a."),
// a device ("NUL").
func checkName(system, name string) error {
	if system != "windows" {
		return nil
	}
	base := name[strings.LastIndexByte(name, '/')+1:]
	stem, _, _ := strings.Cut(base, ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	port := strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")
	switch {
	case strings.ContainsAny(base, `<>:"\|?*`), strings.ContainsFunc(base, func(r rune) bool { return r < ' ' }),
		strings.HasSuffix(base, "."), strings.HasSuffix(base, " "),
		slices.Contains([]string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}, stem),
		port && slices.Contains([]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"}, stem[3:]):
		return errName
	}
	return nil
}

// sameNames are the names of a plan that a file system may treat as equal, because they differ
// only in case or Unicode form.
type sameNames struct {
	seed  maphash.Seed
	first map[uint64]string // the name that was written; "" if none was
}

// newSameNames finds the names of a plan that a file system may treat as equal.
func newSameNames(p *plan) sameNames {
	a := sameNames{seed: maphash.MakeSeed()}
	var sums []uint64
	p.names(func(name string) { sums = append(sums, a.sum(name)) })
	slices.Sort(sums)
	for i := 1; i < len(sums); i++ {
		if sums[i] == sums[i-1] {
			if a.first == nil {
				a.first = map[uint64]string{}
			}
			a.first[sums[i]] = ""
		}
	}
	return a
}

// sum returns the same number for all names that a file system may treat as equal.
func (a *sameNames) sum(name string) uint64 {
	return maphash.String(a.seed, strings.ToLower(strings.ToUpper(norm.NFC.String(name))))
}

// check returns an error if a name means a file that was written under another name, as on a file
// system that ignores case.
func (a *sameNames) check(root *os.Root, name string) error {
	if len(a.first) == 0 {
		return nil
	}
	sum := a.sum(name)
	before, ok := a.first[sum]
	if !ok {
		return nil
	}
	if before == "" {
		a.first[sum] = name
		return nil
	}
	if one, err := root.Lstat(local(before)); err == nil {
		if other, err := root.Lstat(local(name)); err == nil && os.SameFile(one, other) {
			return fmt.Errorf("the file system takes it for %s, which the image has too", shortName(before))
		}
	}
	return nil
}

// nameError says why a path's name keeps it from being written: the system doesn't allow the name,
// or it means another path that was written, or a file of the image itself.
func (u *unpacker) nameError(name string) error {
	if err := checkName(runtime.GOOS, name); err != nil {
		return err
	}
	if u.read != nil && u.read.holds(filepath.Join(u.base, local(name)), nil) != "" {
		return errImage
	}
	return u.sameNames.check(u.root, name)
}
