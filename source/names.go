package source

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// fullName expands a reference: "app:1" becomes "index.docker.io/library/app:1". It returns
// invalid references unchanged.
func fullName(s string) string {
	ref, err := name.ParseReference(s)
	if err != nil {
		return s
	}
	return ref.Name()
}

// shortName removes the default parts of a reference.
func shortName(s string) string {
	for _, prefix := range []string{"docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			return rest
		}
	}
	return s
}
