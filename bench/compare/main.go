//go:build dev

// Command compare runs a command and a yardstick alternately, A B A B, and prints a row of a
// Markdown table: the ratios of their times in each round, with median, minimum and maximum.
// Alternating cancels out other load on the machine.
//
//	go run -tags dev ./bench/compare -case "plain layers" -budget 1 -- peel report app.tar --- barescan app.tar
//
// Without a yardstick, it prints only times. It discards the output of the commands. If a
// command fails, it exits with code 1.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"
)

// options are the values in a row that aren't measured.
type options struct {
	rounds, warm int
	name         string
	budget       float64       // for the ratio of wall times; 0 for none
	wall         time.Duration // budget for the command's wall time; 0 for none
	entries      int           // in the image: the row belongs to the table of growth
	remote       bool          // most of the work happens elsewhere, so user+sys says nothing
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run() error {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "how many `rounds` are measured")
	flag.IntVar(&o.warm, "warm", 1, "how many `rounds` before them are not")
	flag.StringVar(&o.name, "case", "", "the row's `name`")
	flag.Float64Var(&o.budget, "budget", 0, "at most this `ratio` of wall times is wanted")
	flag.DurationVar(&o.wall, "wall", 0, "at most this `time` is wanted")
	flag.IntVar(&o.entries, "growth", 0, "print a row of the table of growth, for an image of so many `entries`")
	flag.BoolVar(&o.remote, "remote", false, "leave out user+sys: an engine does the work")
	flag.Parse()

	commands := [][]string{flag.Args()}
	if at := slices.Index(flag.Args(), "---"); at >= 0 {
		commands = [][]string{flag.Args()[:at], flag.Args()[at+1:]}
	}
	if slices.ContainsFunc(commands, func(c []string) bool { return len(c) == 0 }) || o.rounds < 1 {
		return errors.New("usage: compare [flags] -- COMMAND [ARG...] [--- YARDSTICK [ARG...]]")
	}
	measured := make([][]usage, len(commands))
	for round := range o.warm + o.rounds {
		for i, command := range commands {
			u, err := measure(command)
			if err != nil {
				return err
			}
			if round >= o.warm {
				measured[i] = append(measured[i], u)
			}
		}
	}
	fmt.Println(o.row(measured))
	return nil
}
