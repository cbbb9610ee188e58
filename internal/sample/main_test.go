//go:build dev

package main

import (
	"bytes"
	"os"
	"testing"
)

func TestSampleIsWhatTheProgramWrites(t *testing.T) {
	const file = "../../testdata/sample.tar"
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var made bytes.Buffer
	if err := run(&made); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made.Bytes(), kept) {
		t.Errorf("%s is out of date; run: go run -tags dev ./internal/sample > testdata/sample.tar", file)
	}
	if limit := 200_000; made.Len() > limit {
		t.Errorf("the sample has %d bytes, want at most %d: every clone includes it", made.Len(), limit)
	}
}
