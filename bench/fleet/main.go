//go:build dev

// Command fleet writes a made-up registry as a store of fleets, for benchmarks:
//
//	go run -tags dev ./bench/fleet -images 10000 DIR
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/peelhq/peel/bench/madefleet"
	"github.com/peelhq/peel/fleet"
)

func main() {
	images := flag.Int("images", 1000, "number of images")
	seed := flag.Uint64("seed", 1, "another number makes another registry")
	files := flag.Bool("files", false, "write the layers' tables of files too")
	packages := flag.Bool("packages", false, "write the packages too")
	day := flag.Int("day", 0, "days after 2026-11-01 on which the plan is made")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: fleet [-images N] [-seed N] [-files] [-packages] [-day N] DIR")
		os.Exit(2)
	}
	ctx := context.Background()
	s, err := fleet.OpenStore(ctx, flag.Arg(0), true)
	if err == nil {
		f := madefleet.Fleet{Images: *images, Seed: *seed, Files: *files, Packages: *packages, Made: time.Date(2026, 11, 1+*day, 0, 0, 0, 0, time.UTC)}
		var plan string
		if plan, err = f.Write(ctx, s); err == nil {
			fmt.Println(plan)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}
