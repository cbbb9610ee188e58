package analyze_test

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
)

// sample is the image of a small web shop with the faults of real images.
const sample = "../testdata/sample.tar"

// open opens and analyses an image. Close its Image when you're done; until then you can read
// the contents of files.
func open(ctx context.Context, ref string) *analyze.Analysis {
	im, err := source.Open(ctx, ref, source.Options{KeepContent: true, Collect: analyze.Collectors()})
	if err != nil {
		panic(err)
	}
	a, err := analyze.Run(ctx, im, analyze.Options{})
	if err != nil {
		panic(err)
	}
	return a
}

// List the files that waste most: they ship, but no longer show in the image.
func Example_waste() {
	a := open(context.Background(), sample)
	defer a.Image.Close()
	fmt.Printf("%d of %d bytes are wasted\n", a.Totals.Wasted, a.Totals.Stored)
	for i, w := range a.Waste.All() {
		if i == 3 {
			break
		}
		fmt.Printf("%8d %s: %v, in layer %d, hidden by layer %d\n", w.Bytes, w.Path(), w.Cause, w.Layer, w.By)
	}
	// Output:
	// 49550 of 83861 bytes are wasted
	//     7200 /var/lib/apt/lists/deb.debian.org_dists_bookworm_main_Packages: removed, in layer 1, hidden by layer 5
	//     5000 /srv/shop/static/hero.jpg: metadata, in layer 6, hidden by layer 7
	//     5000 /srv/shop/static/hero.jpg: opaque, in layer 7, hidden by layer 8
}

// Show what each layer does to a path, newest first, and by which build step.
func ExampleTree_Versions() {
	a := open(context.Background(), sample)
	defer a.Image.Close()
	n, ok := a.Tree.Lookup("/srv/shop/.env")
	if !ok {
		panic("no layer mentions it")
	}
	versions := a.Tree.Versions(n) // oldest first
	for _, v := range slices.Backward(versions) {
		fmt.Printf("layer %d: %v by %s\n", v.Layer(), v.Change(), a.Image.Layers[v.Layer()].Step.Command)
	}
	// Output:
	// layer 10: removed by RUN /bin/sh -c rm -rf .env deploy_key node_modules /usr/share/doc /usr/share/man # buildkit
	// layer 7: metadata by RUN /bin/sh -c useradd -u 1000 shop && chown -R shop:shop /srv/shop # buildkit
	// layer 6: added by COPY . . # buildkit
}

// Compare two unions: what layers 9 and above do to the image.
func ExampleCompare() {
	a := open(context.Background(), sample)
	defer a.Image.Close()
	d, err := analyze.Compare(context.Background(), analyze.Side{Analysis: a, At: 8}, analyze.Final(a), 3)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d paths differ; stored bytes: %d, then %d\n", d.Differing(), d.Before.Stored, d.After.Stored)
	for _, p := range d.Paths {
		fmt.Printf("%s: %v\n", p.Path, p.Change)
	}
	// Output:
	// 21 paths differ; stored bytes: 83690, then 83861
	// /usr/share/man/man1/bash.1: removed
	// /usr/share/doc/bash/changelog.Debian: removed
	// /srv/shop/node_modules/bundler/index.js: removed
}

// Read a file as it was in any layer, even if a later layer deleted it.
func ExampleVersion_Open() {
	ctx := context.Background()
	a := open(ctx, sample)
	defer a.Image.Close()
	n, err := analyze.Resolve(a.Tree, 9, "/srv/shop/.env", true) // follows symlinks
	if err != nil {
		panic(err)
	}
	v, ok := a.Tree.At(n, 9) // the union after layer 9
	if !ok {
		panic("not there")
	}
	r, err := v.Open(ctx)
	if err != nil {
		panic(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s has %d bytes\n", path.Base(a.Tree.Path(n)), len(text))
	// Output:
	// .env has 45 bytes
}

// Check an image against rules, as peel check does.
func ExampleCheck() {
	ctx := context.Background()
	a := open(ctx, sample)
	defer a.Image.Close()
	rules := analyze.NoRules()
	for name, value := range map[string]string{"max-wasted": "10kB", "max-layers": "20"} {
		if err := rules.Say(analyze.SettingNamed(name), value); err != nil {
			panic(err)
		}
	}
	outcome, err := analyze.Check(ctx, a, rules, analyze.CheckOptions{})
	if err != nil {
		panic(err)
	}
	for _, r := range outcome.Results {
		fmt.Printf("%s failed: %t (%s, limit %s)\n", r.Rule, r.Failed, r.Value, r.Limit)
	}
	fmt.Println("the check failed:", outcome.Failed())
	// Output:
	// max-wasted failed: true (49.6 kB, limit 10.0 kB)
	// max-layers failed: false (11, limit 20)
	// the check failed: true
}
