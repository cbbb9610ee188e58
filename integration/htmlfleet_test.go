package integration

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/report"
)

// evilNames try to be more than text.
var evilNames = []string{
	`<script>window.pwned=1</script>`, `</script><img src=x onerror=window.pwned=1>`, `<!--<script>`, `"onmouseover="window.pwned=1" x='`,
	`javascript:window.pwned=1`, `{{.Policy}}${window.pwned=1}`, "\u2028\u2029\u202egnp.exe", "\xff\xfeinvalid", "\x1b[31mred\x07", `__proto__`, strings.Repeat("x", 250),
}

// fleetReport returns a report on many images: 40 plain repositories of four teams, and one with
// each of the names, which also are the names of everything else.
func fleetReport(names []string) *report.Fleet {
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	s := &fleet.Summary{Images: 40, Plan: fleet.PlanFacts{ID: "0123456789abcdef", Header: fleet.PlanHeader{Made: day, Sources: append([]string{"registry://registry.example.com/"}, names...)}}}
	group := func(name, team string, n int64) {
		sums := fleet.Sums{Layers: 9 * n, Stored: 3_000_000 * n, Visible: 2_000_000 * n, Wasted: 1_000_000 * n, UserStored: 2_000_000 * n, UserWasted: 1_000_000 * n}
		g := fleet.Group{Name: name, Team: team, Images: n, Causes: [7]int64{400_000 * n, 600_000 * n}, Sums: sums}
		s.Repositories = append(s.Repositories, g)
		g.Name = team
		s.Teams = append(s.Teams, g)
		s.Totals.Stored += sums.Stored
		s.Totals.Visible += sums.Visible
		s.Totals.Wasted += sums.Wasted
	}
	for i := range int64(40) {
		group(fmt.Sprintf("registry.example.com/team-%d/app-%02d", i%4, i), fmt.Sprintf("registry.example.com/team-%d", i%4), 40-i)
	}
	for i, name := range names {
		group(name+"/"+name, name, int64(i+1))
		image := fleet.ImageRow{Name: name, Reference: name, StoredBytes: new(int64), WastedBytes: new(int64)}
		s.Worst = append(s.Worst, image)
		s.Fixes = append(s.Fixes, fleet.Fix{
			Finding: fleet.FindingRow{Rule: name, Severity: name, Title: name, Message: name, Advice: &name, Path: &name, Step: &name, Bytes: 10},
			Image:   name, Images: 2, Layers: 1, Saved: 10, InAll: 20,
		})
		s.Bases = append(s.Bases, fleet.BaseUse{Name: name, Images: 2, Editions: 1, Oldest: day, Newest: day})
		s.Layers.Most = append(s.Layers.Most, fleet.LayerRow{Layer: name, Bytes: 300, Images: 2, From: name})
	}
	s.Growth = &fleet.Growth{From: s.Plan, Images: 1, Repositories: []fleet.GrownGroup{{Name: names[0], NewBytes: 5, GoneBytes: 7}}}
	return &report.Fleet{Store: names[0], Summary: s, Each: func(func(*fleet.ImageRow) error) error { return nil }}
}

// TestHTMLFleet searches and sorts the repositories on the page about many images, and walks
// through its map.
func TestHTMLFleet(t *testing.T) {
	needBrowser(t)
	file := writtenPage(t, func(b *bytes.Buffer) error { return report.FleetHTML(b, fleetReport([]string{"reg/other/app"})) })
	p := openPage(t, file)
	shown := `Array.from(document.querySelectorAll("#waste-rows tr:not([hidden])"), function (r) { return r.cells[0].textContent; }).join(" ")`
	p.click(`document.getElementById("search")`, false)
	p.keys(strings.Split("TEAM-2 app-1", "")...)
	want(p, shown, "registry.example.com/team-2/app-10 registry.example.com/team-2/app-14 registry.example.com/team-2/app-18")
	if found := value[string](p, `document.getElementById("found").textContent`); !strings.HasPrefix(found, "3 of 41 rows, ") {
		t.Errorf("the search reports %q", found)
	}
	if value[int](p, `document.querySelectorAll(".cell.hit").length`) == 0 {
		t.Error("nothing is highlighted in the map")
	}
	for range "TEAM-2 app-1" {
		p.keys(kb.Backspace)
	}
	p.click(`document.querySelectorAll("#waste-table th button")[1]`, false)
	want(p, `document.getElementById("waste-rows").rows[0].cells[0].textContent`, "registry.example.com/team-3/app-39")
	// The map: registry, team, repository, and back.
	p.click(itemNamed("registry.example.com"), true)
	p.click(itemNamed("team-1"), true)
	want(p, crumbs, "/ registry.example.com team-1")
	want(p, item+`.length`, 10)
	p.keys(kb.Escape, kb.Escape)
	want(p, crumbs, "/")
	want(p, `Array.from(document.querySelectorAll("input[name=colour] + span"), function (s) { return s.textContent; }).join()`, "by team,by waste")
	p.click(`document.querySelector("#as-table > summary")`, false)
	want(p, `document.getElementById("list-caption").textContent`, "/: 2.46 GB stored, 1.64 GB visible, 821 MB wasted")
}

// TestHTMLFleetHostile checks that the names in a registry stay plain text in the browser.
func TestHTMLFleetHostile(t *testing.T) {
	needBrowser(t)
	file := writtenPage(t, func(b *bytes.Buffer) error { return report.FleetHTML(b, fleetReport(evilNames)) })
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{"\u2028", "\u2029", "\u202e", "\xff", "\x1b"} {
		if bytes.Contains(page, []byte(raw)) {
			t.Errorf("the page contains an unescaped %q", raw)
		}
	}
	p := openPage(t, file)
	for _, name := range []string{"img src=x", `\u202egnp`, `\xff\xfeinvalid`, `\x1b[31mred`, "__proto__"} {
		want(p, `(function (e) {
			e.value = `+strconv.Quote(name)+`;
			e.dispatchEvent(new Event("input"));
			return document.querySelectorAll("#waste-rows tr:not([hidden])").length;
		})(document.getElementById("search"))`, 1)
	}
	p.run(chromedp.Evaluate[chromedp.Void](`(function visit(depth) {
		for (var i = 0; i < ` + item + `.length; i++) {
			var e = ` + item + `[i];
			e.focus();
			e.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
			if (e.getAttribute("aria-expanded") === null || depth > 2) continue;
			e.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
			visit(depth + 1);
			document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
		}
	})(0)`))
	p.settle()
	want(p, `window.pwned === undefined`, true)
	want(p, `document.querySelectorAll("script").length`, 3)
	want(p, `document.querySelectorAll("img, iframe, object, embed, base, body script[src], [onerror], [onmouseover]").length`, 0)
	want(p, `Array.from(document.querySelectorAll("[href]")).every(function (e) { return /^(#|data:,)/.test(e.getAttribute("href")); })`, true)
}
