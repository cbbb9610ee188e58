package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/peelhq/peel/source/engine"
)

// dockerKind is Docker's engine.
func dockerKind() *engineKind {
	return &engineKind{name: "docker", connect: engine.Docker, store: dockerImage, details: dockerDetails, below: dockerBelow}
}

// dockerImage opens an image in the store of a Docker engine: its own (below
// image/DRIVER and DRIVER in its root folder) or containerd's.
//
// The engine reports the place: the image's topmost folder, or the engine's
// root. The engine may run in a virtual machine or in a container and mean
// folders there. The folders are the right ones if they contain the image's
// config, verified by digest, and the topmost layer's folder.
func dockerImage(ctx context.Context, o *opener, e engine.Engine, ref string, info engine.Image) (*Image, error) {
	dir, driver, top := upperDir(info)
	if dir == "" {
		where, err := e.Store(ctx)
		if err != nil {
			return nil, err
		}
		if where.Containerd {
			return o.containerdImage(ctx, where.Root, ref, info)
		}
		dir, driver = where.Root, where.Driver
	}
	if !filepath.IsAbs(dir) || !plainName.MatchString(driver) {
		return nil, fmt.Errorf("the engine keeps its images in %q by the driver %q", dir, driver)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &storeImage{root: root, log: o.Log}
	im, err := s.docker(driver, top, info, o.Platform)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	im.bundle = s
	if im.Name = info.ArchiveName(ref); im.Name == "" {
		im.Name = ref
	}
	if o.Via != ViaStore {
		s.viaAPI = dockerKind().reopenByAPI(o, info.ID)
	}
	return im, nil
}

// upperDir splits the path that an engine reports for an image's topmost folder,
// ROOT/DRIVER/CACHE-ID/diff. All results are "" if the path has another form.
func upperDir(info engine.Image) (root, driver, cacheID string) {
	folder, ok := strings.CutSuffix(filepath.ToSlash(info.UpperDir), "/diff")
	if !ok || info.Driver == "" {
		return "", "", ""
	}
	above, id := path.Split(folder)
	root, ok = strings.CutSuffix(above, "/"+info.Driver+"/")
	if !ok || id == "" || root == "" {
		return "", "", ""
	}
	return root, info.Driver, id
}

// diffDrivers keep exactly the files of a layer in the folder DRIVER/CACHE-ID/diff.
var diffDrivers = []string{"overlay2", "fuse-overlayfs"}

// dockerConfig returns the path of an image's config in Docker's store.
func dockerConfig(driver, id string) string {
	return "image/" + driver + "/imagedb/content/sha256/" + digestHex(id)
}

// docker reads the image's config and finds its layers. top is the folder of the topmost layer,
// "" if the engine did not report it.
func (s *storeImage) docker(driver, top string, info engine.Image, wanted string) (*Image, error) {
	if digestHex(info.ID) == "" {
		return nil, fmt.Errorf("the image's ID is %q", info.ID)
	}
	base := "image/" + driver
	text, err := storedConfig(s.root, info.ID, dockerConfig(driver, info.ID))
	if err != nil {
		return nil, err
	}
	config, err := parseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dockerConfig(driver, info.ID), err)
	}
	// The engine may have described the image for another platform.
	want, err := wantedPlatform(wanted)
	if err != nil {
		return nil, err
	}
	if has := config.platform(); want.known() && has.fit(want) == 0 {
		return nil, fmt.Errorf("the store has it for %s, not for %s", has, want)
	}
	diffIDs := config.RootFS.DiffIDs
	if (len(info.DiffIDs) > 0 || info.NoLayers) && !slices.Equal(diffIDs, info.DiffIDs) {
		return nil, fmt.Errorf("the engine and the image's config do not name the same layers")
	}
	if err := checkLayers(len(diffIDs)); err != nil {
		return nil, err
	}
	var layers []*storeFiles
	chain := chainIDs(diffIDs)
	for i := range diffIDs {
		parent := ""
		if i > 0 {
			parent = chain[i-1]
		}
		files, err := s.dockerLayer(base, driver, chain[i], diffIDs[i], parent)
		if err != nil {
			return nil, err
		}
		layers = append(layers, files)
	}
	if top != "" {
		if len(layers) == 0 {
			return nil, fmt.Errorf("the engine keeps the topmost layer in %q, the config names none", top)
		}
		if last := layers[len(layers)-1]; last.dir != driver+"/"+top+"/diff" {
			return nil, fmt.Errorf("the engine keeps the topmost layer in %q, the store in %q", top, last.dir)
		}
	}
	return describeStored(info.ID, text, layers)
}

// dockerLayer finds one layer in the layer database of a Docker engine.
func (s *storeImage) dockerLayer(base, driver, chainID, diffID, parent string) (*storeFiles, error) {
	hex := digestHex(chainID)
	if hex == "" || digestHex(diffID) == "" {
		return nil, fmt.Errorf("the config names a layer %q", diffID)
	}
	folder := base + "/layerdb/sha256/" + hex + "/"
	said := map[string]string{}
	for _, name := range []string{"diff", "parent", "cache-id"} {
		if name == "parent" && parent == "" {
			continue
		}
		text, err := readStored(s.root, folder+name, maxStoreText)
		if err != nil {
			return nil, err
		}
		said[name] = strings.TrimSpace(string(text))
	}
	foreign, err := isThere(s.root, folder+"descriptor.json")
	switch {
	case err != nil:
		return nil, err
	case foreign:
		return nil, fmt.Errorf("layer %s is a foreign one, whose blob is on another server", diffID)
	case said["diff"] != diffID:
		return nil, fmt.Errorf("the store has %q as layer %s", said["diff"], diffID)
	case said["parent"] != parent:
		return nil, fmt.Errorf("the store has layer %s above %q, not %q", diffID, said["parent"], parent)
	case !plainName.MatchString(said["cache-id"]):
		return nil, fmt.Errorf("layer %s is in a folder %q", diffID, said["cache-id"])
	}
	dir := ""
	if slices.Contains(diffDrivers, driver) {
		dir = driver + "/" + said["cache-id"] + "/diff"
	}
	return s.layer(folder+"tar-split.json.gz", dir, -1)
}
