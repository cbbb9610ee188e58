// Package source reads container images: where an image comes from, its
// layers, the entries of each layer, and a file's content on request.
//
// It does not judge. What a layer does to the ones below it is package
// analyze's to say; here an entry is one tar member as it is stored, and a
// layer is a list of entries in the order in which they stand.
//
//	im, err := source.Open(ctx, "app.tar", source.Options{})
//	if err != nil { ... }
//	defer im.Close()
//	if err := im.Scan(ctx); err != nil { ... }
//	for _, layer := range im.Layers { // lowest first
//		for i := range layer.Entries.Len() {
//			fmt.Println(layer.Index, layer.Entries.At(i).Name)
//		}
//	}
//
// Everything that is read is held to be hostile: names, sizes, numbers and
// links are checked before they are used, memory is bounded, and nothing of an
// image is ever written to disk but an unlinked spool (see Options.KeepContent).
package source
