// Package analyze works out what each layer of an image does to the ones below
// it: one tree of every path with all its versions, views of that tree, the
// bytes that nobody can see any more, and why.
//
//	im, err := source.Open(ctx, "app.tar", source.Options{})
//	if err != nil { ... }
//	defer im.Close()
//	a, err := analyze.Run(ctx, im, analyze.Options{})
//	if err != nil { ... }
//	fmt.Println(a.Totals.Wasted, a.Totals.Efficiency)
//
// Sizes are bytes, layers are 0-based with 0 as the base, paths are absolute and
// hold the image's raw bytes: escape them before a terminal sees them.
package analyze
