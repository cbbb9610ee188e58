package layer

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Table is a parsed table of contents: a layer's entries, and the places of their content. Safe
// for concurrent use.
type Table struct {
	Ref     *TableRef
	Entries *Entries

	chunks []tableChunk // of all files, in the order of entries
	first  []uint32     // by entry, plus one more: index of its first chunk
}

// A tableChunk is a part of a file's content that can be read separately.
type tableChunk struct {
	from, end int64 // in the blob: its start, and the latest possible end
	skip      int64 // unpacked bytes before it that belong to other files
	at, size  int64 // in the file, in bytes
	sum       [32]byte
	zeros     bool // all bytes are 0
}

// chunkCost is the budget charge for a chunk, in bytes.
const chunkCost = 80

// maxChunks is the maximum number of chunks in one table.
const maxChunks = 1 << 22

// A tableLine is an entry of a table in any of the dialects.
type tableLine struct {
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	LinkName string            `json:"linkName"`
	Mode     int64             `json:"mode"`
	Size     int64             `json:"size"`
	UID      int64             `json:"uid"`
	GID      int64             `json:"gid"`
	ModTime  string            `json:"modtime"`
	DevMajor int64             `json:"devMajor"`
	DevMinor int64             `json:"devMinor"`
	Xattrs   map[string][]byte `json:"xattrs"`

	Digest      string `json:"digest"`
	Offset      int64  `json:"offset"`
	EndOffset   int64  `json:"endOffset"`
	InnerOffset int64  `json:"innerOffset"`
	ChunkSize   int64  `json:"chunkSize"`
	ChunkOffset int64  `json:"chunkOffset"`
	ChunkDigest string `json:"chunkDigest"`
	ChunkType   string `json:"chunkType"`
}

// Parse parses a table returned by TableRef.Read. The error says why the table is not used: it is
// invalid, or can't describe the layer. It charges memory to budget, which may be nil.
func (t *TableRef) Parse(raw []byte, budget *Budget) (*Table, error) {
	r, done, err := t.json(raw)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	own := budget.part()
	p := tableParser{table: &Table{Ref: t, Entries: &Entries{budget: own}}, budget: own, limit: t.contentEnd()}
	if err := p.document(json.NewDecoder(r)); err != nil {
		return nil, fmt.Errorf("its table of contents: %w", noEOF(err))
	}
	if err := done(); err != nil {
		return nil, err
	}
	return p.table, budget.takePart(own)
}

// A tableParser parses a Table from JSON.
type tableParser struct {
	table  *Table
	budget *Budget
	limit  int64 // latest possible end of content in the blob

	open    bool   // the last entry is a file with missing chunks
	file    string // its name
	size    int64  // of that file
	covered int64  // bytes of it covered by chunks
	fileEnd int64  // end of its content in the blob; 0 if unknown
	whole   string // digest of the file's content
}

// document reads all of a table.
func (p *tableParser) document(d *json.Decoder) error {
	if err := expect(d, json.Delim('{')); err != nil {
		return err
	}
	listed := false
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		switch key {
		case "version":
			var version int
			if err := d.Decode(&version); err != nil {
				return err
			}
			if version != 1 {
				return fmt.Errorf("its version %d is unknown", version)
			}
		case "entries":
			if listed {
				return errors.New("it lists entries twice")
			}
			listed = true
			if err := p.lines(d); err != nil {
				return err
			}
		default:
			var other json.RawMessage
			if err := d.Decode(&other); err != nil {
				return err
			}
		}
	}
	if err := expect(d, json.Delim('}')); err != nil {
		return err
	}
	if !listed {
		return errors.New("it lists no entries")
	}
	return p.finish()
}

func expect(d *json.Decoder, want json.Delim) error {
	got, err := d.Token()
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%v where %v should be", got, want)
	}
	return nil
}

func (p *tableParser) lines(d *json.Decoder) error {
	if err := expect(d, json.Delim('[')); err != nil {
		return err
	}
	for d.More() {
		var l tableLine
		if err := d.Decode(&l); err != nil {
			return err
		}
		if err := p.line(&l); err != nil {
			return fmt.Errorf("%q: %w", l.Name, err)
		}
	}
	if err := expect(d, json.Delim(']')); err != nil {
		return err
	}
	return p.fileDone()
}

var tableTypes = map[string]Type{
	"reg": File, "dir": Dir, "symlink": Symlink, "hardlink": Hardlink, "char": Char, "block": Block, "fifo": Fifo,
}

func (p *tableParser) line(l *tableLine) error {
	if l.Type == "chunk" {
		if !p.open || l.Name != "" && l.Name != p.file {
			return errors.New("a part of no file")
		}
		return p.chunk(l)
	}
	if err := p.fileDone(); err != nil {
		return err
	}
	t, known := tableTypes[l.Type]
	if !known {
		return fmt.Errorf("the type %q is unknown", l.Type)
	}
	rec := Record{Name: []byte(l.Name), Type: t, Mode: l.Mode, UID: l.UID, GID: l.GID}
	switch t {
	case File:
		rec.Size, rec.Stored = l.Size, l.Size
	case Symlink, Hardlink:
		rec.Link = []byte(l.LinkName)
	case Char, Block:
		rec.Major, rec.Minor = l.DevMajor, l.DevMinor
	}
	if rec.Size < 0 {
		return errors.New("a negative size")
	}
	// JSON can't represent bytes that are not UTF-8.
	if strings.ContainsRune(l.Name, '\uFFFD') || strings.ContainsRune(l.LinkName, '\uFFFD') {
		return errors.New("a name that the table cannot hold")
	}
	if l.ModTime != "" {
		at, err := time.Parse(time.RFC3339Nano, l.ModTime)
		if err != nil {
			return errors.New("a malformed time")
		}
		rec.Sec, rec.Nsec = at.Unix(), uint32(at.Nanosecond())
	}
	for name, value := range l.Xattrs {
		if rec.Xattrs == nil {
			rec.Xattrs = make(map[string]string, len(l.Xattrs))
		}
		rec.Xattrs[name] = string(value)
	}
	if err := p.table.Entries.Add(&rec); err != nil {
		return err
	}
	p.table.first = append(p.table.first, uint32(len(p.table.chunks)))
	if t != File || l.Size == 0 {
		return nil
	}
	p.open, p.file, p.size, p.covered, p.fileEnd, p.whole = true, l.Name, l.Size, 0, l.EndOffset, l.Digest
	sum, err := parseSum(l.Digest)
	if err != nil {
		return err
	}
	p.table.Entries.setSum(p.table.Entries.count-1, binary.BigEndian.Uint64(sum[:8]), SHA256)
	return p.chunk(l)
}

// parseSum parses "sha256:HEX", which both formats use for contents.
func parseSum(text string) (sum [32]byte, err error) {
	digits, ok := strings.CutPrefix(text, "sha256:")
	if n, err := hex.Decode(sum[:], []byte(digits[:min(len(digits), 64)])); !ok || err != nil || n != len(sum) || len(digits) != 64 {
		return sum, errors.New("content without a SHA-256")
	}
	return sum, nil
}

// chunk adds a part of the current file.
func (p *tableParser) chunk(l *tableLine) error {
	c := tableChunk{from: l.Offset, skip: l.InnerOffset, at: l.ChunkOffset, size: l.ChunkSize, zeros: l.ChunkType == "zeros"}
	if c.size == 0 {
		c.size = p.size - c.at
	}
	switch {
	case c.at != p.covered || c.size <= 0 || c.size > p.size-p.covered:
		return errors.New("its parts do not make up the file")
	case c.from < 0 || c.from >= p.limit || c.skip < 0:
		return errors.New("its content is not in the layer")
	case l.ChunkType != "" && !c.zeros:
		return fmt.Errorf("a part of the unknown type %q", l.ChunkType)
	case len(p.table.chunks) == maxChunks:
		return fmt.Errorf("more than %d parts of files", maxChunks)
	}
	sum := l.ChunkDigest
	if sum == "" && c.size == p.size {
		sum = p.whole
	}
	var err error
	if c.sum, err = parseSum(sum); err != nil {
		return err
	}
	p.table.chunks = append(p.table.chunks, c)
	p.covered += c.size
	return p.budget.take(chunkCost)
}

// fileDone checks that the current file has all its content.
func (p *tableParser) fileDone() error {
	if !p.open {
		return nil
	}
	if p.covered != p.size {
		return fmt.Errorf("%q: its parts do not make up the file", p.file)
	}
	last := &p.table.chunks[len(p.table.chunks)-1]
	if p.fileEnd > last.from && p.fileEnd <= p.limit {
		last.end = p.fileEnd
	}
	p.open = false
	return nil
}

// finish removes what eStargz adds to a layer, as a scan does, and computes where each chunk
// ends.
func (p *tableParser) finish() error {
	t := p.table
	e := t.Entries
	t.first = append(t.first, uint32(len(t.chunks)))
	e.done()
	var gone []int
	if t.Ref.Form == EStargz && !t.Ref.IsOutside { // its table does not list itself
		gone = e.dropWhere(e.isLandmark)
	} else {
		gone = e.dropStargz()
	}
	if len(gone) > 0 {
		t.leaveOut(gone)
	}
	begins := make([]int64, 0, len(t.chunks)+1)
	for i := range t.chunks {
		begins = append(begins, t.chunks[i].from)
	}
	begins = append(begins, p.limit)
	slices.Sort(begins)
	for i := range t.chunks {
		if c := &t.chunks[i]; c.end == 0 {
			next, _ := slices.BinarySearch(begins, c.from+1)
			c.end = begins[next] // it exists: the limit is beyond every chunk's start
		}
	}
	return nil
}

// leaveOut removes the chunks of removed entries and renumbers the rest.
func (t *Table) leaveOut(gone []int) {
	var chunks []tableChunk
	var first []uint32
	for i := range len(t.first) - 1 {
		if _, out := slices.BinarySearch(gone, i); out {
			continue
		}
		first = append(first, uint32(len(chunks)))
		chunks = append(chunks, t.chunks[t.first[i]:t.first[i+1]]...)
	}
	first = append(first, uint32(len(chunks)))
	t.chunks, t.first = chunks, first
}

// of returns the chunks of entry i.
func (t *Table) of(i int) []tableChunk { return t.chunks[t.first[i]:t.first[i+1]] }
