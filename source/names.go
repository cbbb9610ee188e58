package source

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// fullName writes a reference out: "app:1" is "index.docker.io/library/app:1".
// What is no reference is returned as it is.
func fullName(s string) string {
	ref, err := name.ParseReference(s)
	if err != nil {
		return s
	}
	return ref.Name()
}

// shortName leaves out of a reference what everybody leaves out.
func shortName(s string) string {
	for _, prefix := range []string{"docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			return rest
		}
	}
	return s
}
