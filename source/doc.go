// Package source reads container images: it finds an image, its layers, the
// entries of each layer, and the content of files on request.
//
// It does not judge. Package analyze decides what a layer does to the layers
// below it; here an entry is one tar member as stored, and a layer is a list of
// entries in stored order.
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
// All input is treated as hostile: names, sizes, numbers and links are checked
// before use, memory is bounded, and no data of an image is written to disk
// except to an unlinked spool file (see Options.KeepContent).
package source
