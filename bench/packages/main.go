//go:build dev

// Command packages prints a row of the table of budgets: the time to find the packages that own
// an image's bytes, once the image is analysed.
//
//	go run -tags dev ./bench/packages -rounds 9 app.tar
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
)

// budget is for the corpus image, in milliseconds.
const budget = 30

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	rounds := flag.Int("rounds", 9, "how many `rounds` are measured, after one that is not")
	flag.Parse()
	if flag.NArg() != 1 || *rounds < 1 {
		return errors.New("usage: packages [-rounds N] IMAGE")
	}
	var took []float64
	for range *rounds + 1 {
		ms, err := measure(ctx, flag.Arg(0))
		if err != nil {
			return err
		}
		took = append(took, ms)
	}
	took = took[1:]
	slices.Sort(took)
	median := took[len(took)/2]
	text := fmt.Sprintf("%.1f ms (%.1f–%.1f)", median, took[0], took[len(took)-1])
	if median > budget {
		text = "**" + text + " ✗**"
	}
	fmt.Printf("| packages of %s, on top of the analysis | ≤ %d ms | – | – | %s | – | – |\n", filepath.Base(flag.Arg(0)), budget, text)
	return nil
}

// measure returns the time to find an image's packages, in milliseconds.
func measure(ctx context.Context, ref string) (float64, error) {
	im, err := source.Open(ctx, ref, source.Options{Collect: analyze.Collectors()})
	if err != nil {
		return 0, err
	}
	defer im.Close()
	a, err := analyze.Run(ctx, im, analyze.Options{})
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	p, err := a.Packages(ctx)
	if err != nil {
		return 0, err
	}
	if len(p.Rows) == 0 {
		return 0, fmt.Errorf("%s has no packages", ref)
	}
	return time.Since(begin).Seconds() * 1000, nil
}
