package source

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/zeebo/xxh3"
)

// The format of a cache file: a kind (8 bytes, including the format's version),
// the rules (8 bytes, see cacheRules), the content, and 16 bytes of XXH3 over
// all of that and the file's name.

// imageKind is the kind of files with the result of reading a stream, including the format's
// version.
const imageKind = "peelIma3"

// frameSize is the number of bytes that the frame adds to the content.
const frameSize = 8 + 8 + 16

var errCacheFile = errors.New("not a file of the cache, or a damaged one")

// seal adds the frame to the content of the named file.
func seal(name, kind string, body []byte) []byte {
	out := make([]byte, 0, frameSize+len(body))
	out = append(out, kind...)
	out = binary.LittleEndian.AppendUint64(out, cacheRules())
	out = append(out, body...)
	sum := xxh3.Hash128Seed(out, xxh3.HashString(name)).Bytes()
	return append(out, sum[:]...)
}

// unseal returns the content of the named file if it is intact, has that kind, and was written
// under that name by the same rules.
func unseal(name, kind string, file []byte) ([]byte, error) {
	if len(file) < frameSize || string(file[:8]) != kind || binary.LittleEndian.Uint64(file[8:]) != cacheRules() {
		return nil, errCacheFile
	}
	end := len(file) - 16
	if sum := xxh3.Hash128Seed(file[:end], xxh3.HashString(name)).Bytes(); !bytes.Equal(sum[:], file[end:]) {
		return nil, errCacheFile
	}
	return file[16:end], nil
}
