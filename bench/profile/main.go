//go:build dev

// Command profile writes a CPU profile of `peel report -f json` on the given images, for
// profile-guided optimisation. Each image gets the same time, so that the slowest form doesn't
// dominate the profile.
//
//	go run -tags dev ./bench/profile -o default.pgo app.tar app-oci app-oci-zstd.tar
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"time"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	out := flag.String("o", "default.pgo", "the `file` to write")
	each := flag.Duration("time", 10*time.Second, "how long each image is read, over and over")
	flag.Parse()
	if flag.NArg() == 0 {
		return errors.New("usage: profile [flags] IMAGE [IMAGE...]")
	}
	f, err := os.Create(*out)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	for _, ref := range flag.Args() {
		for began := time.Now(); time.Since(began) < *each; {
			if err := read(ctx, ref); err != nil {
				pprof.StopCPUProfile()
				return err
			}
		}
	}
	pprof.StopCPUProfile()
	return f.Close()
}

func read(ctx context.Context, ref string) error {
	im, err := source.Open(ctx, ref, source.Options{Collect: analyze.Collectors()})
	if err != nil {
		return err
	}
	defer im.Close()
	a, err := analyze.Run(ctx, im, analyze.Options{})
	if err != nil {
		return err
	}
	findings, err := analyze.Advise(ctx, a, analyze.AdviceOptions{})
	if err != nil {
		return err
	}
	return report.JSON(io.Discard, a, findings) //nolint:contextcheck // a profile is not interrupted
}
