package layer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// stargzRef returns a reference to an eStargz table in a layer of 10,000 bytes.
func stargzRef(table string) *TableRef {
	return &TableRef{Form: EStargz, Digest: digest.FromString(table), size: 10_000}
}

// sum44 is a SHA-256 digest in the form that tables use.
var sum44 = "sha256:" + strings.Repeat("44", 32)

// regularLine returns a table's line for a regular file.
func regularLine(more string) string {
	return fmt.Sprintf(`{"name":"a","type":"reg","size":10,"digest":%q,%s}`, sum44, more)
}

// TestTableRefused checks that a table with impossible values isn't used.
func TestTableRefused(t *testing.T) {
	chunk := func(more string) string { return fmt.Sprintf(`{"name":"a","type":"chunk",%s}`, more) }
	digested := fmt.Sprintf(`"chunkDigest":%q`, sum44)
	for _, c := range []struct{ name, table, says string }{
		{"nothing", ``, "unexpected EOF"},
		{"not an object", `[]`, "should be"},
		{"no entries", `{"version":1}`, "lists no entries"},
		{"entries twice", `{"entries":[],"entries":[]}`, "twice"},
		{"another version", `{"version":2,"entries":[]}`, "version 2"},
		{"cut off", `{"version":1,"entries":[{"name":"a"`, "unexpected EOF"},
		{"unknown type", `{"entries":[{"name":"a","type":"door"}]}`, `type "door"`},
		{"negative size", `{"entries":[{"name":"a","type":"reg","size":-1}]}`, "negative"},
		{"huge number", `{"entries":[{"name":"a","type":"reg","size":18446744073709551616}]}`, "cannot unmarshal"},
		{"no digest", `{"entries":[{"name":"a","type":"reg","size":1,"offset":1}]}`, "without a SHA-256"},
		{"another digest", `{"entries":[{"name":"a","type":"reg","size":1,"offset":1,"digest":"md5:12"}]}`, "without a SHA-256"},
		{"negative offset", `{"entries":[` + regularLine(`"offset":-1`) + `]}`, "not in the layer"},
		{"offset behind the end", `{"entries":[` + regularLine(`"offset":10000`) + `]}`, "not in the layer"},
		{"negative inner offset", `{"entries":[` + regularLine(`"innerOffset":-1`) + `]}`, "not in the layer"},
		{"a chunk of nothing", `{"entries":[` + chunk(`"chunkSize":1`) + `]}`, "part of no file"},
		{"a chunk of another file", `{"entries":[` + regularLine(`"chunkSize":5,`+digested) + `,{"name":"b","type":"chunk"}]}`, "part of no file"},
		{"a chunk too large", `{"entries":[` + regularLine(`"chunkSize":11`) + `]}`, "do not make up"},
		{"a negative chunk", `{"entries":[` + regularLine(`"chunkSize":-5`) + `]}`, "do not make up"},
		{"a chunk too few", `{"entries":[` + regularLine(`"chunkSize":5,`+digested) + `]}`, "do not make up"},
		{"a gap", `{"entries":[` + regularLine(`"chunkSize":5,`+digested) + `,` + chunk(`"chunkOffset":6,"chunkSize":4,`+digested) + `]}`, "do not make up"},
		{"chunks over each other", `{"entries":[` + regularLine(`"chunkSize":5,`+digested) + `,` + chunk(`"chunkOffset":4,"chunkSize":6,`+digested) + `]}`, "do not make up"},
		{"a chunk without a digest", `{"entries":[` + regularLine(`"chunkSize":5`) + `]}`, "without a SHA-256"},
		{"a chunk of unknown type", `{"entries":[` + regularLine(`"chunkType":"odd"`) + `]}`, `type "odd"`},
		{"a name that is not UTF-8", "{\"entries\":[{\"name\":\"a\xff\",\"type\":\"dir\"}]}", "cannot hold"},
		{"a long name", `{"entries":[{"name":"` + strings.Repeat("a", 70_000) + `","type":"dir"}]}`, "a path of 70000 bytes"},
		{"a bad time", `{"entries":[{"name":"a","type":"dir","modtime":"yesterday"}]}`, "malformed time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := stargzRef(c.table).Parse([]byte(c.table), nil); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got error %v, want one with %q", err, c.says)
			}
		})
	}
}

// TestTableEntries checks the entries that a table lists, of all types.
func TestTableEntries(t *testing.T) {
	table := `{"version":1,"more":{"a":[1]},"entries":[
		{"name":"./","type":"dir","mode":493,"uid":1,"gid":2,"modtime":"2024-01-02T03:04:05.000000006Z"},
		{"name":".no.prefetch.landmark","type":"reg","size":1,"offset":3,"digest":"` + sum44 + `"},
		{"name":"../up","type":"symlink","linkName":"x"},
		{"name":"c","type":"char","devMajor":1,"devMinor":3,"xattrs":{"user.a":"AGI="}},
		{"name":"a","type":"reg","size":10,"offset":5,"chunkSize":4,"digest":"` + sum44 + `","chunkDigest":"` + sum44 + `"},
		{"name":"a","type":"chunk","offset":5,"innerOffset":4,"chunkOffset":4,"chunkSize":0,"chunkDigest":"` + sum44 + `"},
		{"name":"a","type":"reg"},
		{"name":"h","type":"hardlink","linkName":"a"}]}`
	got, err := stargzRef(table).Parse([]byte(table), NewBudget(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	e := got.Entries
	var names []string
	for i := range e.Len() {
		names = append(names, e.At(i).Name+" "+e.Type(i).String()+fmt.Sprint(" ", len(got.of(i))))
	}
	if want := "./ dir 0, ../up symlink 0, c char 0, a file 2, a file 0, h hardlink 0"; strings.Join(names, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(names, ", "), want)
	}
	first := e.At(0)
	if !first.Time.Equal(time.Date(2024, 1, 2, 3, 4, 5, 6, time.UTC)) || first.Mode != 0o755 || first.UID != 1 || first.GID != 2 {
		t.Errorf("%+v", first)
	}
	if c := e.At(2); c.Major != 1 || c.Minor != 3 || c.Xattrs["user.a"] != "\x00b" {
		t.Errorf("%+v", c)
	}
	if sum, kind, ok := e.Checksum(3); sum != 0x4444444444444444 || kind != SHA256 || !ok {
		t.Errorf("got checksum %x of kind %d", sum, kind)
	}
	chunks := got.of(3)
	if chunks[0].end != 10_000-stargzFooterSize || chunks[1].skip != 4 || chunks[1].size != 6 {
		t.Errorf("%+v", chunks)
	}
	if b, ok := AppendScanned(nil, &Scanned{Entries: e, Packed: true}, nil); ok {
		t.Errorf("a table's entries are encoded like a layer's: %d bytes", len(b))
	}
}

// TestTableBudget checks that a table's memory is bounded, and released if the table isn't
// used.
func TestTableBudget(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"entries":[`)
	for i := range 10_000 {
		fmt.Fprintf(&b, `{"name":"%d","type":"dir"},`, i)
	}
	good := b.String() + `{"name":"last","type":"dir"}]}`
	budget := NewBudget(100 << 10)
	if _, err := stargzRef(good).Parse([]byte(good), budget); err == nil || !strings.Contains(err.Error(), "of memory") {
		t.Errorf("got error %v, want one about memory", err)
	}
	if left := budget.left.Load(); left != 100<<10 {
		t.Errorf("%d bytes of the budget are left after an unused table", left)
	}
}

func FuzzTable(f *testing.F) {
	f.Add(`{"version":1,"entries":[`+regularLine(`"offset":5`)+`]}`, []byte("x"))
	f.Add(`{"version":1,"entries":[`+regularLine(`"offset":5,"chunkSize":4,"chunkDigest":"`+sum44+`"`)+`,{"type":"chunk","chunkOffset":4,"chunkType":"zeros","chunkDigest":"`+sum44+`"}]}`, []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, text string, blob []byte) {
		ref := stargzRef(text)
		ref.size = int64(len(blob)) + stargzFooterSize
		table, err := ref.Parse([]byte(text), NewBudget(1<<20))
		if err != nil {
			return
		}
		read := func(_ context.Context, p []byte, off int64) error {
			if off < 0 || off+int64(len(p)) > ref.size {
				return errors.New("beyond the blob's end")
			}
			clear(p)
			if off < int64(len(blob)) {
				copy(p, blob[off:])
			}
			return nil
		}
		for i := range table.Entries.Len() {
			if table.Entries.Type(i) != File || table.Entries.Size(i) > 1<<20 {
				continue
			}
			r, err := table.Reader(read).Open(t.Context(), table.Entries, i)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, r)
			if err == nil && n != table.Entries.Size(i) {
				t.Errorf("got %d bytes of %d, without an error", n, table.Entries.Size(i))
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
