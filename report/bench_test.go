package report_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/bench/madeup"
	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
)

// BenchmarkReport writes the reports of an image with thousands of rows of waste.
func BenchmarkReport(b *testing.B) {
	path := filepath.Join(b.TempDir(), "docker.tar")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	made := madeup.Image{Entries: 50_000, Layers: 20, Mean: 2000, Again: 20, Holes: true}
	if err := errors.Join(made.WriteDocker(f), f.Close()); err != nil {
		b.Fatal(err)
	}
	im, err := source.Open(b.Context(), path, source.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer im.Close()
	a, err := analyze.Run(b.Context(), im, analyze.Options{})
	if err != nil {
		b.Fatal(err)
	}
	findings, err := analyze.Advise(b.Context(), a, analyze.AdviceOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for _, form := range []struct {
		name  string
		write func(io.Writer, *analyze.Analysis, []analyze.Finding) error
	}{{"json", report.JSON}, {"text", report.Text}, {"html", func(w io.Writer, a *analyze.Analysis, findings []analyze.Finding) error {
		return report.HTML(b.Context(), w, a, findings)
	}}} {
		b.Run(form.name, func(b *testing.B) {
			var out bytes.Buffer
			if err := form.write(&out, a, findings); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(out.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if err := form.write(io.Discard, a, findings); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
