//go:build dev

package main

import (
	"testing"
	"time"
)

// TestRow checks that ratios are computed round by round, and that rows over budget are marked.
func TestRow(t *testing.T) {
	const ms = time.Millisecond
	of := []usage{{100 * ms, 80 * ms, 40e6}, {300 * ms, 90 * ms, 50e6}, {120 * ms, 80 * ms, 45e6}}
	by := []usage{{200 * ms, 160 * ms, 0}, {200 * ms, 180 * ms, 0}, {200 * ms, 160 * ms, 0}}
	for _, test := range []struct {
		name string
		o    options
		in   [][]usage
		want string
	}{
		{"kept", options{name: "a", budget: 0.6}, [][]usage{of, by},
			"| a | ≤ 0.60 | 0.60 (0.50–1.50) | 0.50 (0.50–0.50) | 120 ms (100–300) | 200 ms (200–200) | 50.0 MB |"},
		{"missed", options{name: "a", budget: 0.5}, [][]usage{of, by},
			"| a | ≤ 0.50 | **0.60 (0.50–1.50) ✗** | 0.50 (0.50–0.50) | 120 ms (100–300) | 200 ms (200–200) | 50.0 MB |"},
		{"an engine", options{name: "a", remote: true}, [][]usage{of, by},
			"| a | – | 0.60 (0.50–1.50) | – | 120 ms (100–300) | 200 ms (200–200) | 50.0 MB |"},
		{"no yardstick", options{name: "a", wall: 100 * ms}, [][]usage{of},
			"| a | ≤ 100 ms | – | – | **120 ms (100–300) ✗** | – | 50.0 MB |"},
		{"memory kept", options{name: "a", entries: 200_000, budget: 1}, [][]usage{of, by},
			"| a | 120 ms (100–300) | 0.60 µs | 80.0 ms (80.0–90.0) | 0.60 (0.50–1.50) | 0.50 (0.50–0.50) | 50.0 MB | 100 B |"},
		{"memory missed", options{name: "a", entries: 100_000}, [][]usage{of, by},
			"| a | 120 ms (100–300) | 1.20 µs | 80.0 ms (80.0–90.0) | 0.60 (0.50–1.50) | 0.50 (0.50–0.50) | 50.0 MB | **200 B ✗** |"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.o.row(test.in); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}
