package testkit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// digest returns the SHA-256 of b as "sha256:HEX".
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// bare returns the hex of a digest.
func bare(digest string) string { return strings.TrimPrefix(digest, "sha256:") }

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// object is a JSON object; encoding/json sorts its keys.
type object map[string]any

func toJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the values are only objects, strings and numbers
	}
	return b
}

// blob is one layer as an archive holds it.
type blob struct {
	data      []byte
	diffID    string
	mediaType string
	absent    bool // a foreign layer, stored elsewhere
}

func (b *blob) descriptor() object {
	d := object{"mediaType": b.mediaType, "digest": digest(b.data), "size": len(b.data)}
	if b.absent && strings.Contains(b.mediaType, "foreign") {
		d["urls"] = []string{"https://layers.example/" + bare(digest(b.data))}
	}
	return d
}

// built is an image with encoded layers and its config.
type built struct {
	*Image
	layers []blob
	config []byte
}

const layerType = "application/vnd.oci.image.layer.v1.tar"

// build encodes the image's layers, using the encodings in turn: plain, gzip, zstd, gzip-zeros,
// gzip-garbage, gzip-members, zstd-frames, estargz, zstd-chunked.
func build(im *Image, encodings ...string) *built {
	b := &built{Image: im}
	for i, l := range im.Layers {
		b.layers = append(b.layers, encode(l, encodings[i%len(encodings)]))
	}
	config := object{
		"created": "2024-01-02T03:04:05Z",
		"config":  im.runConfig(),
		"rootfs":  object{"type": "layers", "diff_ids": b.diffIDs()},
	}
	maps.Copy(config, im.platform())
	if history := b.history(); history != nil {
		config["history"] = history
	}
	b.config = toJSON(config)
	return b
}

// runConfig returns the config's settings for the runtime.
func (im *Image) runConfig() object {
	c := object{"Labels": im.Labels, "Env": append([]string{"PATH=/bin"}, im.Env...)}
	if im.User != "" {
		c["User"] = im.User
	}
	if im.Healthcheck != nil {
		c["Healthcheck"] = object{"Test": im.Healthcheck}
	}
	return c
}

func (b *built) diffIDs() []string {
	ids := []string{}
	for i := range b.layers {
		ids = append(ids, b.layers[i].diffID)
	}
	return ids
}

// history returns the config's history, or nil if the image has none.
func (b *built) history() []object {
	var history []object
	for _, s := range b.Steps {
		h := object{"created": "2024-01-02T03:04:05Z", "created_by": s.Command}
		if s.Empty {
			h["empty_layer"] = true
		}
		history = append(history, h)
	}
	return history
}

func encode(l *Layer, encoding string) blob {
	if data, ok := Unreadable[l.As]; ok {
		b := blob{data: data, mediaType: layerType + "+" + l.As, diffID: digest([]byte("what " + l.As + " holds"))}
		switch l.As {
		case "foreign":
			b.mediaType, b.absent = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", true
			b.data = []byte("kept elsewhere")
		case "encrypted":
			b.mediaType = layerType + "+gzip+encrypted"
		case "absent":
			b.mediaType, b.absent = layerType+"+gzip", true
			b.data = []byte("not copied")
		case "nydus":
			b.mediaType = "application/vnd.oci.image.layer.nydus.blob.v1"
		}
		return b
	}
	plain := l.Tar()
	b := blob{diffID: digest(plain), mediaType: layerType + "+gzip"}
	pack := func(f func([]byte) []byte) []byte {
		return packedOnce(b.diffID+" "+encoding, func() []byte { return f(plain) })
	}
	switch encoding {
	case "plain":
		b.data, b.mediaType = plain, layerType
	case "gzip":
		b.data = pack(Gzip)
	case "gzip-zeros":
		b.data = append(pack(Gzip), make([]byte, 1000)...)
	case "gzip-garbage":
		b.data = append(pack(Gzip), "what nobody asked for"...)
	case "gzip-members":
		b.data = pack(gzipMembers)
	case "zstd":
		b.data, b.mediaType = Zstd(plain), layerType+"+zstd"
	case "zstd-frames":
		b.data, b.mediaType = zstdFrames(plain), layerType+"+zstd"
	case "zstd-chunked":
		b.data, b.mediaType = pack(zstdChunked), layerType+"+zstd"
	case "estargz":
		var inner []byte
		b.data, inner = eStargz(l)
		b.diffID = digest(inner)
	default:
		panic("no such encoding: " + encoding)
	}
	return b
}

// name returns the image's tag without its version, and version the rest.
func (im *Image) name() string { return im.Tag[:strings.LastIndexByte(im.Tag, ':')] }

func (im *Image) version() string { return im.Tag[strings.LastIndexByte(im.Tag, ':')+1:] }

// fullName returns the tag in containerd's form.
func (im *Image) fullName() string { return "docker.io/library/" + im.Tag }
