package report

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/peelhq/peel/fleet"
)

// fleetForms lists the forms of a report about many images.
var fleetForms = map[string]func(io.Writer, *Fleet) error{
	"text":     Layout{}.FleetText,
	"json":     FleetJSON,
	"markdown": FleetMarkdown,
	"html":     FleetHTML,
}

func fleetSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.FromSlash("../docs/" + name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fleetOf returns a report in which every name is the given text.
func fleetOf(text string) *Fleet {
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	image := fleet.ImageRow{
		Reference: text, Name: text, Repository: text, Tag: &text, Digest: &text, ID: &text, Platform: &text, Labels: map[string]string{text: text},
		StoredBytes: new(int64), WastedBytes: new(int64), BaseName: &text,
	}
	sums := fleet.Sums{Layers: 3, Entries: 4, Stored: 3000, Visible: 2000, Wasted: 1000, UserStored: 1500, UserWasted: 1000}
	group := fleet.Group{Name: text, Team: text, Images: 2, Sums: sums, Causes: [7]int64{400, 600}}
	facts := fleet.PlanFacts{ID: text, Header: fleet.PlanHeader{Made: day, Sources: []string{text}}}
	broken := image
	broken.Error = &text
	return &Fleet{
		Store: text,
		Summary: &fleet.Summary{
			Plan: facts, Images: 2, Unreadable: 1, Waiting: 1, Damaged: 1, Totals: sums,
			Layers: fleet.LayerSums{Unique: 2, Bytes: 500, Shared: 1, SharedBytes: 300, Uses: 3, UsedBytes: 800, Most: []fleet.LayerRow{{Layer: text, Bytes: 300, Images: 2, From: text}}},
			Teams:  []fleet.Group{group, {Images: 1, Sums: sums}}, Repositories: []fleet.Group{group, {Name: "a/b/c", Team: "a/b", Images: 1, Sums: sums}},
			Worst: []fleet.ImageRow{image},
			Fixes: []fleet.Fix{{
				Finding: fleet.FindingRow{Rule: text, Severity: text, Title: text, Message: text, Advice: &text, Path: &text, Step: &text, Layer: &text, Bytes: 10},
				Image:   text, Images: 2, Layers: 1, Saved: 10, InAll: 20,
			}},
			Bases:  []fleet.BaseUse{{Name: text, Images: 2, Editions: 1, Oldest: day, Newest: day, OnOldest: 2, Stored: 5}, {Images: 1, Sure: true}},
			Growth: &fleet.Growth{From: facts, Images: -1, New: 1, NewBytes: 5, Gone: 2, GoneBytes: 7, Repositories: []fleet.GrownGroup{{Name: text, NewBytes: 5, GoneBytes: 7}}},
		},
		Each: func(fn func(*fleet.ImageRow) error) error {
			if err := fn(&image); err != nil {
				return err
			}
			return fn(&broken)
		},
	}
}

// TestHostileFleets checks that a registry's names stay plain text in every form.
func TestHostileFleets(t *testing.T) {
	schema, found := fleetSchema(t, "fleet.schema.json"), fleetSchema(t, "fleet-find.schema.json")
	for i, text := range append(hostile, "registry.example.com/team/app:1") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			f := fleetOf(text)
			for name, write := range fleetForms {
				var out bytes.Buffer
				if err := write(&out, f); err != nil {
					t.Fatal(err)
				}
				got := out.String()
				if !utf8.ValidString(got) {
					t.Errorf("%s isn't valid UTF-8", name)
				}
				switch name {
				case "text":
					printable(t, got)
					noOrders(t, got)
				case "markdown":
					checkMarkdown(t, got)
				case "html":
					soundPage(t, got, 3)
				case "json":
					noOrders(t, got)
					printable(t, got)
					valid(t, schema, got)
				}
			}
			var out bytes.Buffer
			image := &fleet.FoundImage{Image: &fleet.ImageRow{Name: text, Reference: text, Platform: &text}, Files: []fleet.FoundFile{
				{Path: text, Type: text, Size: 5, Index: 1, Layer: text, Step: text, HiddenBy: 2}, {Path: text, Type: "file", Index: 3, Layer: text, HiddenBy: -1},
			}}
			if err := FoundJSON(&out, image); err != nil {
				t.Fatal(err)
			}
			valid(t, found, out.String())
			if err := Found(&out, image, true); err != nil {
				t.Fatal(err)
			}
			printable(t, out.String())
			noOrders(t, out.String())
			if n := strings.Count(out.String(), "\n"); n != 3 {
				t.Errorf("got %d lines, want 3", n)
			}
		})
	}
}

// TestFleetText checks the wording of the report.
func TestFleetText(t *testing.T) {
	var out bytes.Buffer
	if err := (Layout{}).FleetText(&out, fleetOf("reg/team/app")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Fleet reg/team/app\n",
		"2 images, 1 that cannot be read, 1 not analyzed yet, 1 with layers that cannot be read\n",
		"wasted      1.00 kB  33.3 % of what is stored\n",
		"in registry   500 B  2 unique layers, each once, compressed\n",
		" 1. 10 B: reg/team/app, reg/team/app; in 2 images, 20 B in all of them, such as\n",
		"  1.00 kB  3.00 kB    33.3 %       1  (all others)\n",
		"-2 B in the registry: 5 B in 1 layer came, 7 B in 2 layers went; -1 images\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line %q in:\n%s", want, out.String())
		}
	}
}

// TestFleetHTMLBounded checks that thousands of repositories don't make the page exceed its
// bounds, and that the map counts every byte.
func TestFleetHTMLBounded(t *testing.T) {
	f := fleetOf("x")
	f.Summary.Repositories = nil
	for i := range 5000 {
		sums := fleet.Sums{Stored: int64(5000 - i), Visible: int64(5000-i) - 1, Wasted: 1}
		f.Summary.Repositories = append(f.Summary.Repositories, fleet.Group{Name: fmt.Sprintf("host/team-%d/%s-%d", i%9, strings.Repeat("n", 100), i), Team: "host", Images: 1, Causes: [7]int64{1}, Sums: sums})
	}
	page := &htmlFleet{}
	page.treemap(f.Summary)
	var stored, wasted, want int64
	for _, c := range page.Map.Data.Cells {
		stored += c.bytes
		if c.cause != 0 {
			wasted += c.bytes
		}
	}
	for i := range f.Summary.Repositories {
		want += f.Summary.Repositories[i].Stored
	}
	if stored != want || wasted != 5000 {
		t.Errorf("the map has %d bytes, %d wasted, want %d and 5000", stored, wasted, want)
	}
	var out bytes.Buffer
	if err := FleetHTML(&out, f); err != nil {
		t.Fatal(err)
	}
	if out.Len() > 2_000_000 {
		t.Errorf("got %d bytes, want at most 2000000", out.Len())
	}
	if !strings.Contains(out.String(), "3,000 more") {
		t.Error("the page doesn't say what it leaves out")
	}
}
