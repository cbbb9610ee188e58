package testkit

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// sparse prepares the header and the records of a sparse file in one of GNU tar's four formats,
// and returns the tar's content for it. See the GNU tar manual, "Storing Sparse Files".
func (w *tarWriter) sparse(e *Entry, h *header, records map[string]string) []byte {
	content := e.Content()
	var data bytes.Buffer
	for _, s := range e.Data {
		data.Write(content[s.Offset : s.Offset+s.Length])
	}
	h.size = int64(data.Len())
	whole := strconv.FormatInt(e.Size, 10)
	switch e.Sparse {
	case "gnu":
		h.flag, h.dialect = 'S', "gnu"
		h.gnuSparse = &gnuSparse{e.Data, e.Size}
	case "0.0":
		// Keys repeat here, which a map can't represent, so write them directly.
		var b strings.Builder
		record := func(key string, value int64) {
			b.Write(paxRecords(map[string]string{key: strconv.FormatInt(value, 10)}))
		}
		record("GNU.sparse.size", e.Size)
		record("GNU.sparse.numblocks", int64(len(e.Data)))
		for _, s := range e.Data {
			record("GNU.sparse.offset", s.Offset)
			record("GNU.sparse.numbytes", s.Length)
		}
		w.special('x', "PaxHeaders.0/sparse", []byte(b.String()))
	case "0.1":
		var spans []string
		for _, s := range e.Data {
			spans = append(spans, fmt.Sprintf("%d,%d", s.Offset, s.Length))
		}
		records["GNU.sparse.size"] = whole
		records["GNU.sparse.numblocks"] = strconv.Itoa(len(e.Data))
		records["GNU.sparse.map"] = strings.Join(spans, ",")
		records["GNU.sparse.name"] = e.Name
		h.name = "GNUSparseFile.0/" + e.Name
	case "1.0":
		var spans tarWriter
		fmt.Fprintf(&spans, "%d\n", len(e.Data))
		for _, s := range e.Data {
			fmt.Fprintf(&spans, "%d\n%d\n", s.Offset, s.Length)
		}
		spans.zeros((blockSize - spans.Len()%blockSize) % blockSize)
		records["GNU.sparse.major"] = "1"
		records["GNU.sparse.minor"] = "0"
		records["GNU.sparse.realsize"] = whole
		records["GNU.sparse.name"] = e.Name
		h.name = "GNUSparseFile.0/" + e.Name
		h.size += int64(spans.Len())
		return append(spans.Bytes(), data.Bytes()...)
	}
	return data.Bytes()
}

// gnuSparse is the old GNU format, with four spans in the header and 21 in each block after it.
type gnuSparse struct {
	spans []Span
	size  int64
}

func (g *gnuSparse) fill(b []byte) {
	clear(b[345:])
	g.write(b[386:482], g.spans[:min(4, len(g.spans))])
	if len(g.spans) > 4 {
		b[482] = 1
	}
	new(header).number(b[483:495], g.size, false)
}

func (g *gnuSparse) write(b []byte, spans []Span) {
	for i, s := range spans {
		new(header).number(b[24*i:24*i+12], s.Offset, false)
		new(header).number(b[24*i+12:24*i+24], s.Length, false)
	}
}

func (g *gnuSparse) extensions() []byte {
	var blocks []byte
	for rest := g.spans[min(4, len(g.spans)):]; len(rest) > 0; {
		n := min(21, len(rest))
		b := make([]byte, blockSize)
		g.write(b, rest[:n])
		if rest = rest[n:]; len(rest) > 0 {
			b[504] = 1
		}
		blocks = append(blocks, b...)
	}
	return blocks
}
