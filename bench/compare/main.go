//go:build dev

// Command compare runs a command and a yardstick in turn, A B A B, and prints a
// row of a markdown table: the ratios of their times, round by round, with
// median, least and most. Alternating cancels out what else the machine does.
//
//	go run -tags dev ./bench/compare -case "plain layers" -budget 1 -- peel report app.tar --- barescan app.tar
//
// Without a yardstick it prints times alone. Output of the commands is thrown
// away. A command that fails ends it with exit code 1.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"
)

// options are what a row says, beside what is measured.
type options struct {
	rounds, warm int
	name         string
	budget       float64       // of the ratio of wall times, 0: none
	wall         time.Duration // budget of the command's wall time, 0: none
	entries      int           // of the image: the row is one of the table of growth
	remote       bool          // most of the work is done elsewhere: user+sys says nothing
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
