//go:build dev

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// usage is the cost of one run of a command.
type usage struct {
	wall, cpu time.Duration // cpu is user+sys, of the command and its children
	memory    int64         // peak resident memory of one process, in bytes; 0 if unknown
}

// spread is the median, minimum and maximum of some numbers.
type spread struct{ median, least, most float64 }

func spreadOf(numbers []float64) spread {
	slices.Sort(numbers)
	n := len(numbers)
	return spread{(numbers[(n-1)/2] + numbers[n/2]) / 2, numbers[0], numbers[n-1]}
}

// text formats the three with as many decimals as the median justifies.
func (s spread) text(unit string) string {
	digits := 2
	switch {
	case s.median >= 100:
		digits = 0
	case s.median >= 10:
		digits = 1
	case s.median < 0.1:
		digits = 3
	}
	return fmt.Sprintf("%.*f%s (%.*f–%.*f)", digits, s.median, unit, digits, s.least, digits, s.most)
}

func wall(u usage) float64 { return u.wall.Seconds() }
func cpu(u usage) float64  { return u.cpu.Seconds() }

// times collects one number from every round, in milliseconds.
func times(of []usage, number func(usage) float64) spread {
	var all []float64
	for _, u := range of {
		all = append(all, 1000*number(u))
	}
	return spreadOf(all)
}

// ratios divides the number of each round by its yardstick's in the same round.
func ratios(of, by []usage, number func(usage) float64) spread {
	var all []float64
	for i := range of {
		all = append(all, number(of[i])/max(number(by[i]), 1e-9))
	}
	return spreadOf(all)
}

func peak(of []usage) int64 {
	var most int64
	for _, u := range of {
		most = max(most, u.memory)
	}
	return most
}

// Budgets for peel's resident memory, in bytes.
const (
	memoryBase     = 30e6
	memoryPerEntry = 160
)

const nothing = "–"

// row formats the measurements of the command, and of its yardstick if there is one, as a row
// of a table.
func (o options) row(measured [][]usage) string {
	of := measured[0]
	wallRatio, cpuRatio, theirs := nothing, nothing, nothing
	var over bool
	if len(measured) > 1 {
		r := ratios(of, measured[1], wall)
		wallRatio, cpuRatio = r.text(""), ratios(of, measured[1], cpu).text("")
		theirs = times(measured[1], wall).text(" ms")
		over = o.budget > 0 && r.median > o.budget
	}
	own := times(of, wall)
	over = over || o.wall > 0 && own.median > 1000*o.wall.Seconds()
	most := peak(of)
	memory := fmt.Sprintf("%.1f MB", float64(most)/1e6)
	if most == 0 {
		memory = nothing
	}
	if o.entries > 0 {
		heavy := float64(most) > memoryBase+memoryPerEntry*float64(o.entries)
		each := (float64(most) - memoryBase) / float64(o.entries)
		perEntry := fmt.Sprintf("%.0f B", each)
		if each <= 0 || most == 0 {
			perEntry = nothing
		}
		return cells(o.name, own.text(" ms"), fmt.Sprintf("%.2f µs", 1000*own.median/float64(o.entries)),
			times(of, cpu).text(" ms"), mark(wallRatio, over), cpuRatio, memory, mark(perEntry, heavy))
	}
	if o.remote {
		cpuRatio = nothing
	}
	return cells(o.name, o.budgetText(), mark(wallRatio, over && o.budget > 0), cpuRatio,
		mark(own.text(" ms"), over && o.wall > 0), theirs, memory)
}

func (o options) budgetText() string {
	switch {
	case o.budget > 0:
		return fmt.Sprintf("≤ %.2f", o.budget)
	case o.wall > 0:
		return fmt.Sprintf("≤ %d ms", o.wall.Milliseconds())
	}
	return nothing
}

// mark marks a figure that exceeds its budget.
func mark(figure string, over bool) string {
	if over {
		return "**" + figure + " ✗**"
	}
	return figure
}

func cells(c ...string) string { return "| " + strings.Join(c, " | ") + " |" }
