package source_test

import (
	"context"
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/peelhq/peel/source"
)

// List the entries of each layer, lowest first.
func ExampleOpen() {
	ctx := context.Background()
	im, err := source.Open(ctx, "../testdata/sample.tar", source.Options{})
	if err != nil {
		panic(err)
	}
	defer im.Close()
	if err := im.Scan(ctx); err != nil {
		panic(err)
	}
	for _, l := range im.Layers[:3] {
		fmt.Printf("layer %d: %d entries, by %s\n", l.Index, l.Entries.Len(), l.Step.Command)
	}
	// Output:
	// layer 0: 30 entries, by # debian.sh --arch 'amd64' out/ 'bookworm' '@1740355200'
	// layer 1: 26 entries, by RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends nginx python3 python3-pip # buildkit
	// layer 2: 2 entries, by WORKDIR /srv/shop
}

// Open an archive from any io.ReaderAt.
func ExampleOpenArchive() {
	ctx := context.Background()
	f, err := os.Open("../testdata/sample.tar")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		panic(err)
	}
	im, err := source.OpenArchive(ctx, f, info.Size(), "upload", source.Options{})
	if err != nil {
		panic(err)
	}
	defer im.Close()
	fmt.Println(im.Name, "has", len(im.Layers), "layers")
	// Output:
	// shop:1.4 has 11 layers
}

// Open an image of go-containerregistry, such as one from remote.Image.
func ExampleOpenImage() {
	ctx := context.Background()
	from, err := tarball.ImageFromPath("../testdata/sample.tar", nil)
	if err != nil {
		panic(err)
	}
	im, err := source.OpenImage(ctx, from, "from a program", source.Options{})
	if err != nil {
		panic(err)
	}
	defer im.Close()
	fmt.Println(im.Source, "has", len(im.Layers), "layers")
	// Output:
	// from a program has 11 layers
}
