package testkit

// The docker-archives, in which manifest.json says where everything is. The shapes are copied
// from archives that the tools wrote.

// legacyIDs returns the made-up names under which old archives store layers. A name depends on
// the layers below, and the last one also on the config.
func (b *built) legacyIDs() []string {
	var ids []string
	parent := ""
	for i, l := range b.layers {
		seed := parent + l.diffID
		if i == len(b.layers)-1 {
			seed += digest(b.config)
		}
		parent = bare(digest([]byte(seed)))
		ids = append(ids, parent)
	}
	return ids
}

// repositories returns the index by tag that the very first archives have.
func repositories(images []*built) Member {
	repos := map[string]map[string]string{}
	for _, b := range images {
		ids := b.legacyIDs()
		if len(ids) == 0 {
			continue
		}
		if repos[b.name()] == nil {
			repos[b.name()] = map[string]string{}
		}
		repos[b.name()][b.version()] = ids[len(ids)-1]
	}
	return Member{Name: "repositories", Data: toJSON(repos)}
}

// manifestJSON lists the images, with the names of their configs and layers.
func manifestJSON(images []*built, config func(*built) string, layer func(b *built, i int) string) Member {
	return Member{Name: "manifest.json", Data: toJSON(manifestList(images, config, layer))}
}

func manifestList(images []*built, config func(*built) string, layer func(b *built, i int) string) []object {
	list := []object{}
	for _, b := range images {
		layers := []string{}
		for i := range b.layers {
			layers = append(layers, layer(b, i))
		}
		list = append(list, object{"Config": config(b), "RepoTags": []string{b.Tag}, "Layers": layers})
	}
	return list
}

// legacyLayer returns the folder of one layer in Docker's first format.
func legacyLayer(id, parent string) []Member {
	about := object{"id": id}
	if parent != "" {
		about["parent"] = parent
	}
	return []Member{{Name: id + "/", Dir: true}, {Name: id + "/VERSION", Data: []byte("1.0")}, {Name: id + "/json", Data: toJSON(about)}}
}

// docker20 is `docker save` before Docker 25: one folder per layer, sorted by name; a layer
// that occurred before is a symlink to the first one's tar.
func docker20(images []*built) []Member {
	var members []Member
	at := map[string]string{} // where the tar of a diffID is
	for _, b := range images {
		parent := ""
		for i, id := range b.legacyIDs() {
			members = append(members, legacyLayer(id, parent)...)
			tar := Member{Name: id + "/layer.tar", Data: b.layers[i].data}
			if first, ok := at[b.layers[i].diffID]; ok && first != id {
				tar = Member{Name: tar.Name, Link: "../" + first + "/layer.tar"}
			} else {
				at[b.layers[i].diffID] = id
			}
			members = append(members, tar)
			parent = id
		}
		members = append(members, Member{Name: bare(digest(b.config)) + ".json", Data: b.config})
	}
	members = sorted(unique(members))
	return append(members, manifestJSON(images,
		func(b *built) string { return bare(digest(b.config)) + ".json" },
		func(b *built, i int) string { return b.legacyIDs()[i] + "/layer.tar" },
	), repositories(images))
}

// podman is the docker-archive of podman and skopeo: layers named by their diffID, and the old
// folders with symlinks to them, which nothing refers to.
func podman(images []*built) []Member {
	var members []Member
	for _, b := range images {
		for _, l := range b.layers {
			members = append(members, Member{Name: bare(l.diffID) + ".tar", Data: l.data})
		}
		members = append(members, Member{Name: bare(digest(b.config)) + ".json", Data: b.config})
		parent := ""
		for i, id := range b.legacyIDs() {
			members = append(members, Member{Name: id + "/layer.tar", Link: "../" + bare(b.layers[i].diffID) + ".tar"})
			members = append(members, legacyLayer(id, parent)[1:]...)
			parent = id
		}
	}
	return append(unique(members), manifestJSON(images,
		func(b *built) string { return bare(digest(b.config)) + ".json" },
		func(b *built, i int) string { return bare(b.layers[i].diffID) + ".tar" },
	), repositories(images))
}

// kaniko is go-containerregistry's tarball package, which kaniko, ko and crane use: a config
// with a colon in its name, gzip layers, and the list at the end.
func kaniko(images []*built) []Member {
	layerName := func(b *built, i int) string { return bare(digest(b.layers[i].data)) + ".tar.gz" }
	var members []Member
	for _, b := range images {
		members = append(members, Member{Name: digest(b.config), Data: b.config})
		for i, l := range b.layers {
			members = append(members, Member{Name: layerName(b, i), Data: l.data})
		}
	}
	return append(unique(members), manifestJSON(images, func(b *built) string { return digest(b.config) }, layerName))
}

// bazel is rules_oci's oci_load (docker format): the list first, names as in an OCI layout
// except for the layers' suffix, and no index.
func bazel(images []*built) []Member {
	layerName := func(b *built, i int) string { return "blobs/sha256/" + bare(digest(b.layers[i].data)) + ".tar.gz" }
	configName := func(b *built) string { return "blobs/sha256/" + bare(digest(b.config)) }
	members := []Member{manifestJSON(images, configName, layerName), {Name: "blobs/", Dir: true}, {Name: "blobs/sha256/", Dir: true}}
	for _, b := range images {
		members = append(members, Member{Name: configName(b), Data: b.config})
		for i, l := range b.layers {
			members = append(members, Member{Name: layerName(b, i), Data: l.data})
		}
	}
	return unique(members)
}

// rulesDocker is bazel's older rules_docker, in which every name begins with "./".
func rulesDocker(images []*built) []Member {
	members := docker20(images)
	for i := range members {
		members[i].Name = "./" + members[i].Name
	}
	return members
}
