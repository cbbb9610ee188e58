package analyze_test

import (
	"strings"
	"testing"
)

// TestPnpm checks pnpm's packages, whose files are hard links into its store. In either order
// of the names in the layer, a package owns its directory, and content that several packages
// share belongs to the first one.
func TestPnpm(t *testing.T) {
	const packages = `hardlink app/node_modules/.pnpm/a@1.2.0/node_modules/a/package.json -> STORE/1
hardlink app/node_modules/.pnpm/a@1.2.0/node_modules/a/index.js -> STORE/2
hardlink app/node_modules/.pnpm/@s+b@3.0.0_a@1.2.0/node_modules/@s/b/package.json -> STORE/3
hardlink app/node_modules/.pnpm/@s+b@3.0.0_a@1.2.0/node_modules/@s/b/copy.js -> STORE/2
symlink app/node_modules/a -> .pnpm/a@1.2.0/node_modules/a
symlink app/node_modules/.pnpm/@s+b@3.0.0_a@1.2.0/node_modules/a -> ../../a@1.2.0/node_modules/a
`
	const store = `file STORE/1 "{\"name\":\"a\",\"version\":\"1.2.0\"}"
file STORE/2 5000 seed=x
file STORE/3 "{\"name\":\"@s/b\",\"version\":\"3.0.0\"}"
`
	linksLast := "-- layer --\n" + strings.ReplaceAll(store+packages, "STORE", "root/.pnpm-store/v3")
	// The other way round: the packages carry the content, and the store links to it.
	linksFirst := `-- layer --
file app/node_modules/.pnpm/a@1.2.0/node_modules/a/package.json "{\"name\":\"a\",\"version\":\"1.2.0\"}"
file app/node_modules/.pnpm/a@1.2.0/node_modules/a/index.js 5000 seed=x
file app/node_modules/.pnpm/@s+b@3.0.0_a@1.2.0/node_modules/@s/b/package.json "{\"name\":\"@s/b\",\"version\":\"3.0.0\"}"
hardlink app/node_modules/.pnpm/@s+b@3.0.0_a@1.2.0/node_modules/@s/b/copy.js -> app/node_modules/.pnpm/a@1.2.0/node_modules/a/index.js
hardlink root/.pnpm-store/v3/2 -> app/node_modules/.pnpm/a@1.2.0/node_modules/a/index.js
`
	const want = `npm @s/b 3.0.0 stored 5033 wasted 0 shared 0 installed true layers 0:5033/0
npm a 1.2.0 stored 30 wasted 0 shared 5000 installed true layers 0:30/0
-   stored 0 wasted 0 shared 0 installed false layers
`
	for name, image := range map[string]string{"the store first": linksLast, "the packages first": linksFirst} {
		a := analysisOf(t, "docker-20", image)
		p, err := a.Packages(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkPackageSums(t, a, p)
		if got := packageFacts(p); got != want {
			t.Errorf("%s:\ngot:\n%swant:\n%s", name, got, want)
		}
	}
}
