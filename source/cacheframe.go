package source

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/zeebo/xxh3"
)

// How a file of the cache is written: a kind (8 bytes, with the version of the
// form), the rules (8 bytes, see cacheRules), what it holds, and 16 bytes of
// XXH3 over all of that, which are up to the file's name too.

// imageKind is the kind of what was found in a stream, with the version of its
// form.
const imageKind = "peelIma3"

// frameSize is how many bytes stand around what a file holds.
const frameSize = 8 + 8 + 16

var errCacheFile = errors.New("not a file of the cache, or a damaged one")

// seal puts the frame around what the file of that name holds.
func seal(name, kind string, body []byte) []byte {
	out := make([]byte, 0, frameSize+len(body))
	out = append(out, kind...)
	out = binary.LittleEndian.AppendUint64(out, cacheRules())
	out = append(out, body...)
	sum := xxh3.Hash128Seed(out, xxh3.HashString(name)).Bytes()
	return append(out, sum[:]...)
}

// unseal returns what the file of that name holds, if it is whole, of that kind,
// and was written under that name and by the same rules.
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
