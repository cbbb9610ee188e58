package fleet

// Version is the version of the tables: columns are added under the same number, never
// changed or removed.
const Version = 1

// The rows of the tables. Their tags are the columns' names and forms. Text is UTF-8, with U+FFFD for what is not.
// Sizes are bytes. Times are UTC. What is not known is null.
type (
	// A FileRow is one entry of a layer: the table files, sorted by path, layer after
	// layer. All that peel knows of the entry is in it.
	FileRow struct {
		Layer   string `parquet:"layer,dict"` // digest of the layer, key of layers
		Path    string `parquet:"path"`       // absolute and clean, "/usr/lib/x"; of a whiteout, what it hides
		Ordinal int32  `parquet:"ordinal"`    // place in the layer's tar, 0-based; with layer the key

		Type     string  `parquet:"type,dict"`              // file, dir, symlink, hardlink, char, block or fifo, as stored
		Whiteout *string `parquet:"whiteout,optional,dict"` // removed (path is hidden) or opaque (all lower children of path are); else null
		Size     int64   `parquet:"size"`                   // bytes of content that a reader sees; 0 unless a file
		Stored   int64   `parquet:"stored"`                 // bytes of content in the layer, without holes; 0 unless a file
		Mode     int32   `parquet:"mode"`                   // permission, set-id and sticky bits
		UID      int64   `parquet:"uid"`                    // owner
		GID      int64   `parquet:"gid"`                    // group
		Mtime    int64   `parquet:"mtime"`                  // modification time, seconds since 1970
		Nanos    int32   `parquet:"mtime_nanos"`            // the rest of it, nanoseconds
		Link     *string `parquet:"link,optional"`          // target of a symlink or hard link, as stored

		// Sum is XXH3 of 128 bits, big endian, of the content (of a sparse file with too many
		// holes, of its map and data): equal content has equal sums. Null unless a file.
		Sum *[16]byte `parquet:"sum,optional"`
		// Sum64 is XXH3 of 64 bits, with which peel compares. Null unless a file.
		Sum64 *int64 `parquet:"sum64,optional"`

		Major  int64      `parquet:"major"`       // device number
		Minor  int64      `parquet:"minor"`       // device number
		Sparse bool       `parquet:"sparse"`      // it has holes that the layer does not store
		Xattrs []XattrRow `parquet:"xattrs,list"` // extended attributes, sorted by name
		Offset int64      `parquet:"offset"`      // where the content begins in the uncompressed layer; of a sparse file, its first header

		Name    []byte `parquet:"name,optional"`     // the name as stored; null if it is path without the first "/", with one behind that of a dir
		LinkRaw []byte `parquet:"link_raw,optional"` // link as stored; null if that is UTF-8

		Collector *string `parquet:"collector,optional,dict"` // which collector has looked into the file, "dpkg/1"
		Fact      []byte  `parquet:"fact,optional"`           // what it has kept, in a form of peel's own
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
		Bytes     int64   `parquet:"bytes"`                    // of the blob as stored
		Images    int64   `parquet:"images"`                   // images of the plan that have it
		From      string  `parquet:"from_reference"`           // an image that has it
		Entries   *int64  `parquet:"entries,optional"`         // tar members
		Files     *int64  `parquet:"files,optional"`           // of these, regular files
		Content   *int64  `parquet:"stored_bytes,optional"`    // content of its files, as stored in the tar
		Index     *int64  `parquet:"index_bytes,optional"`     // of the layer's object in the store
		Error     *string `parquet:"error,optional"`           // why it cannot be read
	}

	// An ImageRow is one image of a plan, for one platform: the table images. Figures are
	// those of peel report, and null where error is not.
	ImageRow struct {
		Plan       string            `parquet:"plan,dict"`                               // the plan
		Image      int64             `parquet:"image"`                                   // number in the plan, 0-based; with plan the key
		Reference  string            `parquet:"reference"`                               // what opens it: registry://HOST/REPOSITORY:TAG@DIGEST
		Name       string            `parquet:"name"`                                    // for people: HOST/REPOSITORY:TAG
		Repository string            `parquet:"repository,dict"`                         // HOST/REPOSITORY, or the file
		Tag        *string           `parquet:"tag,optional"`                            // its tag
		Digest     *string           `parquet:"digest,optional"`                         // of the manifest
		ID         *string           `parquet:"id,optional"`                             // digest of the config
		Platform   *string           `parquet:"platform,optional,dict"`                  // os/architecture[/variant]
		Created    *int64            `parquet:"created,optional,timestamp(millisecond)"` // as its config says
		Labels     map[string]string `parquet:"labels"`                                  // of the config

		Layers          *int64   `parquet:"layers,optional"`            // how many
		Entries         *int64   `parquet:"entries,optional"`           // tar members of all layers
		StoredBytes     *int64   `parquet:"stored_bytes,optional"`      // content that the layers carry
		VisibleBytes    *int64   `parquet:"visible_bytes,optional"`     // of it, what some name of the final union reaches
		WastedBytes     *int64   `parquet:"wasted_bytes,optional"`      // the rest
		Efficiency      *float64 `parquet:"efficiency,optional"`        // visible / stored
		CompressedBytes *int64   `parquet:"compressed_bytes,optional"`  // the layers' blobs as stored; null if one is not compressed
		BaseLayers      *int64   `parquet:"base_layers,optional"`       // that are the base image's, the lowest
		UserStoredBytes *int64   `parquet:"user_stored_bytes,optional"` // carried by the others
		UserWastedBytes *int64   `parquet:"user_wasted_bytes,optional"` // of it, wasted
		UserWastedRatio *float64 `parquet:"user_wasted_ratio,optional"` // user_wasted_bytes / user_stored_bytes
		BaseHiddenBytes *int64   `parquet:"base_hidden_bytes,optional"` // carried by the base's layers, hidden by others
		OwnEfficiency   *float64 `parquet:"own_efficiency,optional"`    // 1 - user_wasted_ratio

		BaseName    *string    `parquet:"base_name,optional"`    // the base image
		BaseBy      *string    `parquet:"base_by,optional,dict"` // how it was found, as in peel report
		BaseSure    *bool      `parquet:"base_sure,optional"`    // false: a guess
		BaseMissing *string    `parquet:"base_missing,optional"` // why nothing better is known
		Causes      []CauseRow `parquet:"causes,list"`           // every cause of waste, in the order of peel report

		UnreadableLayers *int64  `parquet:"unreadable_layers,optional"` // layers that count as empty, for they cannot be read
		Error            *string `parquet:"error,optional"`             // why there are no figures
	}

	// A CauseRow is what one cause wastes.
	CauseRow struct {
		Cause    string `parquet:"cause,dict"` // overwritten, metadata, identical, removed, opaque, replaced or duplicate
		Bytes    int64  `parquet:"bytes"`      // wasted
		Versions int64  `parquet:"versions"`   // wasted versions with bytes
	}

	// An ImageLayerRow is one layer of an image: the table image_layers. Figures are null
	// where error is not.
	ImageLayerRow struct {
		Plan            string  `parquet:"plan,dict"`                               // the plan
		Image           int64   `parquet:"image"`                                   // key of images
		Index           int64   `parquet:"layer_index"`                             // 0 is the lowest; with plan and image the key
		Layer           string  `parquet:"layer"`                                   // digest, key of layers
		DiffID          *string `parquet:"diff_id,optional"`                        // digest of the uncompressed tar
		MediaType       *string `parquet:"media_type,optional,dict"`                // as the manifest says
		CompressedBytes *int64  `parquet:"compressed_bytes,optional"`               // of the blob, if it is compressed
		StoredBytes     *int64  `parquet:"stored_bytes,optional"`                   // content that it carries
		WastedBytes     *int64  `parquet:"wasted_bytes,optional"`                   // of it, wasted
		HidesBytes      *int64  `parquet:"hides_bytes,optional"`                    // wasted bytes that it is to blame for
		Entries         *int64  `parquet:"entries,optional"`                        // tar members
		Added           *int64  `parquet:"added,optional"`                          // versions by what they are against the union below
		Modified        *int64  `parquet:"modified,optional"`                       // the content is another one
		Metadata        *int64  `parquet:"metadata,optional"`                       // only attributes are others
		Identical       *int64  `parquet:"identical,optional"`                      // nothing is another
		Removed         *int64  `parquet:"removed,optional"`                        // hidden, with all below them
		Command         *string `parquet:"command,optional"`                        // of the step that made it; secrets are masked
		Created         *int64  `parquet:"created,optional,timestamp(millisecond)"` // when that was
		Base            bool    `parquet:"base"`                                    // it belongs to the base image
		Error           *string `parquet:"error,optional"`                          // why it cannot be read
	}

	// A FindingRow is one finding of an image: the table findings.
	FindingRow struct {
		Plan     string  `parquet:"plan,dict"`            // the plan
		Image    int64   `parquet:"image"`                // key of images
		ID       string  `parquet:"id"`                   // with plan and image the key; the same in the next build that has it
		Rule     string  `parquet:"rule,dict"`            // the rule it comes from
		Severity string  `parquet:"severity,dict"`        // note, warning or error
		Title    string  `parquet:"title,dict"`           // a few words
		Message  string  `parquet:"message"`              // the figures
		Advice   *string `parquet:"advice,optional"`      // what to change in the build
		Path     *string `parquet:"path,optional"`        // it is about
		Index    *int64  `parquet:"layer_index,optional"` // layer to blame
		Layer    *string `parquet:"layer,optional"`       // its digest, key of layers
		Step     *string `parquet:"step,optional"`        // the build step to blame; secrets are masked
		Bytes    int64   `parquet:"bytes"`                // that would be saved, or that it is about
		Versions int64   `parquet:"versions"`             // that it sums up
		OfBase   bool    `parquet:"of_base"`              // only another base image mends it
		Below    bool    `parquet:"below_floor"`          // too little to be listed for people
		File     *string `parquet:"dockerfile,optional"`  // name of the Dockerfile, if its provenance tells
		Line     *int64  `parquet:"line,optional"`        // in it, 1-based
	}

	// A PackageRow is one package of an image: the table packages.
	PackageRow struct {
		Plan      string            `parquet:"plan,dict"`        // the plan
		Image     int64             `parquet:"image"`            // key of images
		Name      string            `parquet:"name"`             // with version and type the key in an image
		Version   *string           `parquet:"version,optional"` // as its database says
		Type      string            `parquet:"type,dict"`        // dpkg, apk, rpm, python, conda, npm, gem, go or java
		Stored    int64             `parquet:"stored_bytes"`     // the layers carry of it
		Visible   int64             `parquet:"visible_bytes"`    // of these, in the final union
		Wasted    int64             `parquet:"wasted_bytes"`     // the rest
		Shared    int64             `parquet:"shared_bytes"`     // that it lists, but another package owns; not in stored_bytes
		Files     int64             `parquet:"files"`            // owned versions that carry bytes
		Index     int64             `parquet:"layer_index"`      // the first layer whose database has it
		Layer     string            `parquet:"layer"`            // its digest, key of layers
		Installed bool              `parquet:"installed"`        // the last layer's database has it
		Layers    []PackageLayerRow `parquet:"layers,list"`      // that carry its bytes, lowest first
	}

	// A PackageLayerRow is what one layer carries of a package.
	PackageLayerRow struct {
		Index   int64  `parquet:"layer_index"`   // 0 is the lowest
		Layer   string `parquet:"layer"`         // digest, key of layers
		Stored  int64  `parquet:"stored_bytes"`  // bytes
		Visible int64  `parquet:"visible_bytes"` // of these, in the final union
		Wasted  int64  `parquet:"wasted_bytes"`  // the rest
		Files   int64  `parquet:"files"`         // versions that carry bytes
	}
)
