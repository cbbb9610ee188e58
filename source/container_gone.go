package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/peelhq/peel/source/engine"
)

// goneImage is the error of a container whose image is missing.
func goneImage(is *engine.Container, err error) error {
	return fmt.Errorf("its image %s (%s) is gone, so nothing is below its own layer: %w", is.Image, is.ImageID, err)
}

// dockerBelow opens the layers below a container whose image has been removed. Docker's store
// keeps the layers as long as the container exists, but not the image's config.
func dockerBelow(ctx context.Context, o *opener, is *engine.Container) (*Image, error) {
	dir, driver, _ := upperDir(engine.Image{UpperDir: is.UpperDir, Driver: is.Driver})
	if dir == "" || hexName(is.ID) != is.ID {
		return nil, errors.New("the engine does not say where the layers below it are")
	}
	return o.scanStore(ctx, "container "+is.Name, func() (*Image, error) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		s := &storeImage{root: root, log: o.Log}
		im, err := s.dockerStack(driver, is.ID)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		im.bundle = s
		im.scan = o.scanOptions()
		im.flaw("the image %s (%s) is gone: its layers are here, but its config is not", is.Image, is.ImageID)
		return im, nil
	})
}

// dockerStack finds the layers below a container from the top down.
func (s *storeImage) dockerStack(driver, container string) (*Image, error) {
	base := "image/" + driver
	read := func(name string) (string, error) {
		text, err := readStored(s.root, base+"/layerdb/"+name, maxStoreText)
		return strings.TrimSpace(string(text)), err
	}
	top, err := read("mounts/" + container + "/parent")
	if err != nil {
		return nil, err
	}
	var chain, diffIDs []string // topmost first
	for id := top; id != ""; {
		if digestHex(id) == "" || len(chain) == maxLayers {
			return nil, fmt.Errorf("the layers below do not end, or one is called %q", id)
		}
		diffID, err := read("sha256/" + digestHex(id) + "/diff")
		if err != nil {
			return nil, err
		}
		chain, diffIDs = append(chain, id), append(diffIDs, diffID)
		if id, err = read("sha256/" + digestHex(id) + "/parent"); errors.Is(err, os.ErrNotExist) {
			id = ""
		} else if err != nil {
			return nil, err
		}
	}
	var config configFile
	var layers []*storeFiles
	for i, id := range slices.Backward(chain) {
		parent := ""
		if i < len(chain)-1 {
			parent = chain[i+1]
		}
		files, err := s.dockerLayer(base, driver, id, diffIDs[i], parent)
		if err != nil {
			return nil, err
		}
		layers = append(layers, files)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffIDs[i])
	}
	text, err := json.Marshal(map[string]any{"rootfs": map[string]any{"type": "layers", "diff_ids": config.RootFS.DiffIDs}})
	if err != nil {
		return nil, err
	}
	return describeStored("", text, layers)
}
