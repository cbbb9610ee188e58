// Package analyze computes what each layer of an image does to the layers below
// it: one tree of every path with all its versions, views of that tree, the
// bytes that are no longer visible, and why.
//
//	im, err := source.Open(ctx, "app.tar", source.Options{})
//	if err != nil { ... }
//	defer im.Close()
//	a, err := analyze.Run(ctx, im, analyze.Options{})
//	if err != nil { ... }
//	fmt.Println(a.Totals.Wasted, a.Totals.Efficiency)
//
// Sizes are bytes. Layers are 0-based, and 0 is the base. Paths are absolute
// and hold the raw bytes of the image: escape them before you print them to a
// terminal.
package analyze
