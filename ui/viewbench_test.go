package ui

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/peelhq/peel/analyze"
)

// BenchmarkViewLargeFile measures the time from a key to the first frame of a file of 1 GB in a
// plain layer, as bytes or as text.
func BenchmarkViewLargeFile(b *testing.B) {
	for name, head := range map[string]string{"bytes": "", "text": strings.Repeat("a line of text\n", 10_000)} {
		b.Run(name, func(b *testing.B) {
			m := start(b, hollow(b, head, 1<<30), 120, 40)
			at(b, m, "/large")
			b.ReportAllocs()
			for b.Loop() {
				_, cmd := m.Update(keyOf("v"))
				m.Update(first(cmd))
				if !strings.Contains(m.View().Content, "1.07 GB") {
					b.Fatal("file not found")
				}
				m.Update(keyOf("esc"))
			}
		})
	}
}

// first runs the first of the commands in cmd.
func first(cmd tea.Cmd) tea.Msg {
	msg := cmd()
	if all, ok := msg.(tea.BatchMsg); ok {
		return all[0]()
	}
	return msg
}

// hollow returns an image with one large file, most of which is a hole on disk: a folder with
// an unpacked docker save archive.
func hollow(b *testing.B, head string, size int64) *analyze.Analysis {
	b.Helper()
	dir := b.TempDir()
	f, err := os.Create(filepath.Join(dir, "layer.tar"))
	if err != nil {
		b.Fatal(err)
	}
	w := tar.NewWriter(f)
	if err := w.WriteHeader(&tar.Header{Name: "large", Typeflag: tar.TypeReg, Mode: 0o644, Size: size}); err != nil {
		b.Fatal(err)
	}
	if _, err := w.Write([]byte(head)); err != nil {
		b.Fatal(err)
	}
	if err := f.Truncate(512 + size + 1024); err != nil { // with the two zero blocks
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{
		"manifest.json": `[{"Config":"config.json","RepoTags":["large:1"],"Layers":["layer.tar"]}]`,
		"config.json": fmt.Sprintf(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}`,
			strings.Repeat("0", 64)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return openFile(b, dir)
}
