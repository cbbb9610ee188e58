//go:build dev

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestDraw(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want []string // that the picture contains
		not  []string
	}{
		{"text", "hi", []string{`textLength="16.8"`, ">hi</text>", `fill="#d8dee9"`}, nil},
		{"colours", "\x1b[1;38;2;1;2;3;48;2;4;5;6mx\x1b[m", []string{
			`fill="#010203" font-weight="bold">x<`, `height="18" fill="#040506"/>`,
		}, nil},
		{"colon colours", "\x1b[38:2::1:2:3mx", []string{`fill="#010203"`}, nil},
		{"basic colours end", "\x1b[31mx\x1b[39my", []string{`fill="#800000">x<`, `fill="#d8dee9">y<`}, nil},
		{"reversed", "\x1b[7mx", []string{`fill="#d8dee9"/>`, `fill="#161b22">x<`}, nil},
		{"columns keep their place", "a   b", []string{`<text x="14" `, `<text x="47.6" `}, nil},
		{"shapes need no font", "│a", []string{"<path ", ">a<"}, []string{"│"}},
		{"wide", "漢b", []string{`textLength="25.2"`}, nil},
		{"escaped", "<&>", []string{"&lt;&amp;&gt;"}, nil},
		{"other sequences", "\x1b[2Jx\x1b]0;title\x07", []string{">x<"}, []string{"title"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := run(strings.NewReader(tt.in), &b); err != nil {
				t.Fatal(err)
			}
			for _, s := range tt.want {
				if !strings.Contains(b.String(), s) {
					t.Errorf("no %q in\n%s", s, b.String())
				}
			}
			for _, s := range tt.not {
				if strings.Contains(b.String(), s) {
					t.Errorf("%q in\n%s", s, b.String())
				}
			}
			wellFormed(t, b.String())
		})
	}
}

func wellFormed(t *testing.T, s string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("not XML: %v\n%s", err, s)
		}
	}
}

// TestFilm checks that a film draws each row once, with the times at which it's visible.
func TestFilm(t *testing.T) {
	folder := t.TempDir()
	var names []string
	for i, text := range []string{"same\nfirst\n", "same\nsecond\n", "same\nfirst\nthird\n"} {
		file := filepath.Join(folder, strconv.Itoa(i))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, "0.5:"+file)
	}
	var b strings.Builder
	if err := film(names, &b); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, b.String())
	for _, s := range []string{
		"animation:1.5s step-end infinite",
		"{0%{visibility:visible}33.33%{visibility:hidden}66.67%{visibility:visible}}",
		"{0%{visibility:hidden}33.33%{visibility:visible}66.67%{visibility:hidden}}",
		"{0%{visibility:hidden}66.67%{visibility:visible}}",
		`<g class="f k0 p">`, "prefers-reduced-motion", `height="82"`,
	} {
		if !strings.Contains(b.String(), s) {
			t.Errorf("no %q in\n%s", s, b.String())
		}
	}
	for text, n := range map[string]int{">same<": 1, ">first<": 1, ">second<": 1, "<script": 0} {
		if got := strings.Count(b.String(), text); got != n {
			t.Errorf("%s appears %d times", text, got)
		}
	}
	for _, wrong := range []string{"file", "x:file", "0:file", "1:" + filepath.Join(folder, "none")} {
		if err := film([]string{wrong}, &b); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

// TestBorderIsOnePath checks that a border is one line.
func TestBorderIsOnePath(t *testing.T) {
	var b strings.Builder
	if err := run(strings.NewReader("╭────╮"), &b); err != nil {
		t.Fatal(err)
	}
	if strings.Count(b.String(), "<path") != 3 || !strings.Contains(b.String(), `d="M0 9H33.6"`) {
		t.Error(b.String())
	}
}

// TestFirstMinute checks that the film in the docs moves, runs no script, and is small enough
// for a page.
func TestFirstMinute(t *testing.T) {
	picture, err := os.ReadFile(filepath.Join("..", "..", "docs", "pictures", "first-minute.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if len(picture) > 300_000 {
		t.Errorf("%d bytes", len(picture))
	}
	if text := string(picture); !strings.Contains(text, "@keyframes") || strings.Contains(text, "<script") {
		t.Error("the film doesn't move, or has a script")
	}
	wellFormed(t, string(picture))
}
