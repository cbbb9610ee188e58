package analyze_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/testkit"
)

// lasting is a context that ends after it has been asked a given number of times.
type lasting struct {
	context.Context
	left, after int
}

func (c *lasting) Err() error {
	if c.left--; c.left >= 0 {
		return nil
	}
	c.after++
	return context.Canceled
}

// TestContextsEnd checks that functions that go through all rows of waste stop when their
// context ends: they check it regularly and do little work afterwards.
func TestContextsEnd(t *testing.T) {
	testkit.Long(t, "it runs the analysis once for each look at the context")
	var text strings.Builder
	for _, layer := range []string{"a", "b"} {
		text.WriteString("-- layer --\n")
		for i := range 20_000 {
			fmt.Fprintf(&text, "file f%d 100 seed=%s\n", i, layer)
		}
	}
	a, err := analyzed(t, text.String(), analyze.Options{})
	if err != nil || a.Waste.Len() != 20_000 {
		t.Fatalf("%v: %d rows", err, a.Waste.Len())
	}
	rules := analyze.NewRules()
	for _, c := range []struct {
		name  string
		do    func(ctx context.Context) error
		looks int // least number of times it checks the context
	}{
		{"Advise", func(ctx context.Context) error {
			_, err := analyze.Advise(ctx, a, analyze.AdviceOptions{})
			return err
		}, 15},
		{"Check", func(ctx context.Context) error {
			_, err := analyze.Check(ctx, a, rules, analyze.CheckOptions{})
			return err
		}, 15},
		{"Until", func(ctx context.Context) error {
			n := 0
			for range a.Waste.Until(ctx) {
				n++
			}
			if err := ctx.Err(); err != nil || n == a.Waste.Len() {
				return err
			}
			return errors.New("ended too early")
		}, 5},
		{"Run", func(ctx context.Context) error {
			_, err := analyze.Run(ctx, a.Image, analyze.Options{})
			return err
		}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole := &lasting{Context: t.Context(), left: 1 << 30}
			if err := c.do(whole); err != nil {
				t.Fatal(err)
			}
			looks := 1<<30 - whole.left
			if looks < c.looks {
				t.Errorf("checked the context %d times, want at least %d", looks, c.looks)
			}
			for n := range looks {
				ctx := &lasting{Context: t.Context(), left: n}
				if err := c.do(ctx); !errors.Is(err, context.Canceled) || ctx.after > 10 {
					t.Fatalf("ended after %d of %d checks: %v, with %d more", n, looks, err, ctx.after)
				}
			}
		})
	}
}
