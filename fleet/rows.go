package fleet

// Version is the version of the tables: columns are added under the same number, never
// changed or removed.
const Version = 1

// The rows of the tables. Their tags are the columns' names and forms. Text is UTF-8, with U+FFFD for what is not.
// Sizes are bytes. Times are UTC. What is not known is null.
type (
	// A FileRow is one entry of a layer: the table files, sorted by path, layer after
	// layer. It has everything that peel knows about the entry.
	FileRow struct {
		Layer   string `parquet:"layer,dict"` // digest of the layer, key of layers
		Path    string `parquet:"path"`       // absolute and clean, "/usr/lib/x"; for a whiteout, the path that it hides
		Ordinal int32  `parquet:"ordinal"`    // place in the layer's tar, 0-based; with layer the key

		Type     string  `parquet:"type,dict"`              // file, dir, symlink, hardlink, char, block or fifo, as stored
		Whiteout *string `parquet:"whiteout,optional,dict"` // removed (path is hidden) or opaque (all lower children of path are hidden); otherwise null
		Size     int64   `parquet:"size"`                   // bytes of content that a reader sees; 0 for anything except a file
		Stored   int64   `parquet:"stored"`                 // bytes of content in the layer, without holes; 0 for anything except a file
		Mode     int32   `parquet:"mode"`                   // permission, set-id and sticky bits
		UID      int64   `parquet:"uid"`                    // owner
		GID      int64   `parquet:"gid"`                    // group
		Mtime    int64   `parquet:"mtime"`                  // modification time, seconds since 1970
		Nanos    int32   `parquet:"mtime_nanos"`            // the rest of the modification time, in nanoseconds
		Link     *string `parquet:"link,optional"`          // target of a symlink or hard link, as stored

		// The XXH3 checksum of the content, 128 bits, big endian. For a sparse file with too many
		// holes, it covers the map and the data. Equal content has equal sums. Null for anything
		// except a file.
		Sum *[16]byte `parquet:"sum,optional"`
		// The XXH3 checksum of 64 bits that peel uses to compare files. Null for anything except a
		// file.
		Sum64 *int64 `parquet:"sum64,optional"`

		Major  int64      `parquet:"major"`       // device number
		Minor  int64      `parquet:"minor"`       // device number
		Sparse bool       `parquet:"sparse"`      // true if the file has holes that the layer does not store
		Xattrs []XattrRow `parquet:"xattrs,list"` // extended attributes, sorted by name
		Offset int64      `parquet:"offset"`      // where the content begins in the uncompressed layer; for a sparse file, the place of its first header

		Name    []byte `parquet:"name,optional"`     // the name as stored; null if it is path without the first "/", and with a "/" at the end for a dir
		LinkRaw []byte `parquet:"link_raw,optional"` // link as stored; null if it is valid UTF-8

		Collector *string `parquet:"collector,optional,dict"` // the collector that looked into the file, "dpkg/1"
		Fact      []byte  `parquet:"fact,optional"`           // what the collector kept, in peel's own format
	}

	// A XattrRow is an extended attribute.
	XattrRow struct {
		Name  []byte `parquet:"name"`  // "security.capability"
		Value []byte `parquet:"value"` // any bytes
	}

	// A LayerRow is one unique layer of a plan: the table layers.
	LayerRow struct {
		Plan      string  `parquet:"plan,dict"`                // the plan
		Layer     string  `parquet:"layer"`                    // digest; with plan the key
		DiffID    *string `parquet:"diff_id,optional"`         // digest of the uncompressed tar
		MediaType *string `parquet:"media_type,optional,dict"` // as the manifest says
		Bytes     int64   `parquet:"bytes"`                    // bytes of the blob as stored
		Images    int64   `parquet:"images"`                   // the number of images of the plan that have it
		From      string  `parquet:"from_reference"`           // an image that has it
		Entries   *int64  `parquet:"entries,optional"`         // tar members
		Files     *int64  `parquet:"files,optional"`           // the regular files among the entries
		Content   *int64  `parquet:"stored_bytes,optional"`    // content of its files, as stored in the tar
		Index     *int64  `parquet:"index_bytes,optional"`     // size of the layer's object in the store
		Error     *string `parquet:"error,optional"`           // why peel can't read it
	}

	// An ImageRow is one image of a plan, for one platform: the table images. Figures are
	// those of peel report. They are null if error is set.
	ImageRow struct {
		Plan       string            `parquet:"plan,dict"`                               // the plan
		Image      int64             `parquet:"image"`                                   // number in the plan, 0-based; with plan the key
		Reference  string            `parquet:"reference"`                               // the reference that opens it: registry://HOST/REPOSITORY:TAG@DIGEST
		Name       string            `parquet:"name"`                                    // for people: HOST/REPOSITORY:TAG
		Repository string            `parquet:"repository,dict"`                         // HOST/REPOSITORY, or the file
		Tag        *string           `parquet:"tag,optional"`                            // the image's tag
		Digest     *string           `parquet:"digest,optional"`                         // digest of the manifest
		ID         *string           `parquet:"id,optional"`                             // digest of the config
		Platform   *string           `parquet:"platform,optional,dict"`                  // os/architecture[/variant]
		Created    *int64            `parquet:"created,optional,timestamp(millisecond)"` // when the image was built, according to its config
		Labels     map[string]string `parquet:"labels"`                                  // labels of the config

		Layers          *int64   `parquet:"layers,optional"`            // the number of layers
		Entries         *int64   `parquet:"entries,optional"`           // tar members of all layers
		StoredBytes     *int64   `parquet:"stored_bytes,optional"`      // content that the layers carry
		VisibleBytes    *int64   `parquet:"visible_bytes,optional"`     // the part of it that some name of the final union reaches
		WastedBytes     *int64   `parquet:"wasted_bytes,optional"`      // the rest
		Efficiency      *float64 `parquet:"efficiency,optional"`        // visible / stored
		CompressedBytes *int64   `parquet:"compressed_bytes,optional"`  // the layers' blobs as stored; null if one is not compressed
		BaseLayers      *int64   `parquet:"base_layers,optional"`       // the number of lowest layers that are the base image's
		UserStoredBytes *int64   `parquet:"user_stored_bytes,optional"` // content that the other layers carry
		UserWastedBytes *int64   `parquet:"user_wasted_bytes,optional"` // the wasted part of it
		UserWastedRatio *float64 `parquet:"user_wasted_ratio,optional"` // user_wasted_bytes / user_stored_bytes
		BaseHiddenBytes *int64   `parquet:"base_hidden_bytes,optional"` // bytes that the base's layers carry and other layers hide
		OwnEfficiency   *float64 `parquet:"own_efficiency,optional"`    // 1 - user_wasted_ratio

		BaseName    *string    `parquet:"base_name,optional"`    // the base image
		BaseBy      *string    `parquet:"base_by,optional,dict"` // how peel found it, as in peel report
		BaseSure    *bool      `parquet:"base_sure,optional"`    // false if it is a guess
		BaseMissing *string    `parquet:"base_missing,optional"` // why peel knows nothing better
		Causes      []CauseRow `parquet:"causes,list"`           // every cause of waste, in the order of peel report

		UnreadableLayers *int64  `parquet:"unreadable_layers,optional"` // layers that count as empty because peel can't read them
		Error            *string `parquet:"error,optional"`             // why there are no figures
	}

	// A CauseRow is what one cause wastes.
	CauseRow struct {
		Cause    string `parquet:"cause,dict"` // overwritten, metadata, identical, removed, opaque, replaced or duplicate
		Bytes    int64  `parquet:"bytes"`      // wasted bytes
		Versions int64  `parquet:"versions"`   // wasted versions with bytes
	}

	// An ImageLayerRow is one layer of an image: the table image_layers. Figures are null
	// if error is set.
	ImageLayerRow struct {
		Plan            string  `parquet:"plan,dict"`                               // the plan
		Image           int64   `parquet:"image"`                                   // key of images
		Index           int64   `parquet:"layer_index"`                             // 0 is the lowest; with plan and image the key
		Layer           string  `parquet:"layer"`                                   // digest, key of layers
		DiffID          *string `parquet:"diff_id,optional"`                        // digest of the uncompressed tar
		MediaType       *string `parquet:"media_type,optional,dict"`                // as the manifest says
		CompressedBytes *int64  `parquet:"compressed_bytes,optional"`               // bytes of the blob, if it is compressed
		StoredBytes     *int64  `parquet:"stored_bytes,optional"`                   // content that the layer carries
		WastedBytes     *int64  `parquet:"wasted_bytes,optional"`                   // the wasted part of it
		HidesBytes      *int64  `parquet:"hides_bytes,optional"`                    // wasted bytes that the layer is to blame for
		Entries         *int64  `parquet:"entries,optional"`                        // tar members
		Added           *int64  `parquet:"added,optional"`                          // versions of paths that the union below does not have
		Modified        *int64  `parquet:"modified,optional"`                       // versions with other content than in the union below
		Metadata        *int64  `parquet:"metadata,optional"`                       // versions that differ only in attributes
		Identical       *int64  `parquet:"identical,optional"`                      // versions that do not differ
		Removed         *int64  `parquet:"removed,optional"`                        // paths that the layer removes, with everything below them
		Command         *string `parquet:"command,optional"`                        // command of the step that made the layer; secrets are masked
		Created         *int64  `parquet:"created,optional,timestamp(millisecond)"` // when the step ran
		Base            bool    `parquet:"base"`                                    // true if the layer belongs to the base image
		Error           *string `parquet:"error,optional"`                          // why peel can't read it
	}

	// A FindingRow is one finding of an image: the table findings.
	FindingRow struct {
		Plan     string  `parquet:"plan,dict"`            // the plan
		Image    int64   `parquet:"image"`                // key of images
		ID       string  `parquet:"id"`                   // with plan and image the key; the same in the next build that has it
		Rule     string  `parquet:"rule,dict"`            // the rule that made it
		Severity string  `parquet:"severity,dict"`        // note, warning or error
		Title    string  `parquet:"title,dict"`           // a short title
		Message  string  `parquet:"message"`              // text with the figures
		Advice   *string `parquet:"advice,optional"`      // what to change in the build
		Path     *string `parquet:"path,optional"`        // the path that it is about
		Index    *int64  `parquet:"layer_index,optional"` // the layer to blame
		Layer    *string `parquet:"layer,optional"`       // the layer's digest, key of layers
		Step     *string `parquet:"step,optional"`        // the build step to blame; secrets are masked
		Bytes    int64   `parquet:"bytes"`                // bytes that you would save, or that the finding is about
		Versions int64   `parquet:"versions"`             // the number of versions that it sums up
		OfBase   bool    `parquet:"of_base"`              // true if only another base image fixes it
		Below    bool    `parquet:"below_floor"`          // true if it is too small to list for people
		File     *string `parquet:"dockerfile,optional"`  // name of the Dockerfile, if the provenance has it
		Line     *int64  `parquet:"line,optional"`        // line in the Dockerfile, 1-based
	}

	// A PackageRow is one package of an image: the table packages.
	PackageRow struct {
		Plan      string            `parquet:"plan,dict"`        // the plan
		Image     int64             `parquet:"image"`            // key of images
		Name      string            `parquet:"name"`             // with version and type the key in an image
		Version   *string           `parquet:"version,optional"` // the version in the package's database
		Type      string            `parquet:"type,dict"`        // dpkg, apk, rpm, python, conda, npm, gem, go or java
		Stored    int64             `parquet:"stored_bytes"`     // bytes of it that the layers carry
		Visible   int64             `parquet:"visible_bytes"`    // the part of them that shows in the final union
		Wasted    int64             `parquet:"wasted_bytes"`     // the rest
		Shared    int64             `parquet:"shared_bytes"`     // bytes that it lists but another package owns; not in stored_bytes
		Files     int64             `parquet:"files"`            // the number of owned versions that carry bytes
		Index     int64             `parquet:"layer_index"`      // the first layer whose database has it
		Layer     string            `parquet:"layer"`            // the layer's digest, key of layers
		Installed bool              `parquet:"installed"`        // true if the last layer's database has it
		Layers    []PackageLayerRow `parquet:"layers,list"`      // the layers that carry its bytes, lowest first
	}

	// A PackageLayerRow is what one layer carries of a package.
	PackageLayerRow struct {
		Index   int64  `parquet:"layer_index"`   // 0 is the lowest
		Layer   string `parquet:"layer"`         // digest, key of layers
		Stored  int64  `parquet:"stored_bytes"`  // bytes that the layer carries
		Visible int64  `parquet:"visible_bytes"` // the part of them that shows in the final union
		Wasted  int64  `parquet:"wasted_bytes"`  // the rest
		Files   int64  `parquet:"files"`         // the number of versions that carry bytes
	}
)
