package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/human"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/report"
	"github.com/peelhq/peel/source"
)

// htmlReport writes an image's HTML report to a file.
func htmlReport(t *testing.T, ref string) (file string, a *analyze.Analysis) {
	t.Helper()
	needBrowser(t) // before the work is done
	im, err := source.Open(t.Context(), ref, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	if a, err = analyze.Run(t.Context(), im, analyze.Options{}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	findings, err := analyze.Advise(t.Context(), a, analyze.AdviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := report.HTML(t.Context(), &b, a, findings); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, a
}

func sampleReport(t *testing.T) *browserPage {
	t.Helper()
	file, _ := htmlReport(t, "../testdata/sample.tar")
	return openPage(t, file)
}

const (
	crumbs  = `Array.from(document.querySelectorAll("#crumbs button"), function (b) { return b.textContent; }).join(" ")`
	focused = `document.activeElement.getAttribute("aria-label") || ""`
	item    = `document.querySelectorAll("[role=treeitem]")`
)

// itemNamed returns the cell directly below the current directory whose label begins with the
// name.
func itemNamed(name string) string {
	return `document.querySelector("[role=treeitem][aria-label^=` + strconv.Quote(strconv.Quote(name + ","))[1:] + `)`
}

func TestHTMLStructure(t *testing.T) {
	file, a := htmlReport(t, "../testdata/sample.tar")
	p := openPage(t, file)
	want(p, `document.title.endsWith(" – peel")`, true)
	for _, tag := range []string{"header", "main", "footer", "h1"} {
		want(p, `document.querySelectorAll("`+tag+`").length`, 1)
	}
	// Look for a heading or landmark without a name, a table without headers, and a control
	// without a label.
	want(p, `Array.from(document.querySelectorAll("section")).every(function (s) { return s.querySelector("h2").id === s.getAttribute("aria-labelledby"); })`, true)
	want(p, `document.querySelectorAll("nav:not([aria-label])").length`, 0)
	want(p, `document.querySelectorAll("thead th:not([scope=col]), tbody th:not([scope=row])").length`, 0)
	want(p, `Array.from(document.querySelectorAll("input, select")).every(function (e) { return e.labels.length === 1; })`, true)
	want(p, `document.querySelectorAll("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").length`, 0)
	want(p, `document.querySelectorAll("[role=treeitem][tabindex='0']").length`, 1)
	want(p, `document.querySelectorAll("[role=treeitem]:not([aria-label])").length`, 0)
	// The summary must contain every figure of the totals, in the usual notation.
	text := value[string](p, `document.getElementById("summary").textContent`)
	for _, n := range []int64{a.Totals.Stored, a.Totals.Visible, a.Totals.Wasted, a.Totals.UserStored, a.Totals.BaseHidden} {
		if !strings.Contains(text, human.Size(n)) {
			t.Errorf("the summary lacks %s:\n%s", human.Size(n), text)
		}
	}
	want(p, `document.getElementById("waste-rows").rows.length`, a.Waste.Len())
	findings, err := analyze.Advise(t.Context(), a, analyze.AdviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want(p, `document.querySelectorAll("#findings li").length`, len(analyze.Brief(findings, analyze.DefaultFloor(a.Totals.Stored))))
	// The script's sums must match the program's.
	p.click(`document.querySelector("#as-table > summary")`, false)
	want(p, `document.getElementById("list-caption").textContent`, fmt.Sprintf("/: %s stored, %s visible, %s wasted",
		human.Size(a.Totals.Stored), human.Size(a.Totals.Visible), human.Size(a.Totals.Wasted)))
}

// TestHTMLCommands checks that commands break between words, never within a flag, and can be
// copied.
func TestHTMLCommands(t *testing.T) {
	f, err := testkit.Parse(`-- image app:1 linux/amd64 --
step "RUN base"
step "COPY model /srv/"
step "RUN --mount=type=cache,target=/var/cache/apt <<EOF\nset -e\n  apt-get install --no-install-recommends some-package other-package && chmod 0600 /srv/model && something --with-long-flag=of-some-value\nEOF"
-- layer --
file base 500
-- layer --
file srv/model 9000 seed=m
-- layer --
file srv/model 9000 seed=m mode=0600
`)
	if err != nil {
		t.Fatal(err)
	}
	file, _ := htmlReport(t, f.Shapes()[0].Write(t, f))
	p := openPage(t, file)
	want(p, `document.getElementById("findings").compareDocumentPosition(document.getElementById("map")) === Node.DOCUMENT_POSITION_FOLLOWING`, true)
	step := `document.querySelector("#findings [data-copy=step]")`
	want(p, step+`.textContent`, "RUN --mount=type=cache,target=/var/cache/apt <<EOF\nset -e\n  apt-get install --no-install-recommends some-package other-package && chmod 0600 /srv/model && something --with-long-flag=of-some-value\nEOF")
	for _, width := range []int64{1280, 360} {
		p.resize(width, 900)
		// A word isn't split unless it fills a line alone, and no line ends with "&&".
		want(p, `Array.from(document.querySelectorAll(".cmd > span")).filter(function (s) {
			var r = s.getBoundingClientRect(), line = s.closest("dd, p, summary").clientWidth;
			return s.checkVisibility() && r.height > 30 && r.width < 0.8 * line;
		}).map(function (s) { return s.textContent; }).join("; ")`, "")
		want(p, `Array.from(document.querySelectorAll(".cmd > span")).every(function (s) { return s.textContent !== "&&"; })`, true)
		want(p, `document.documentElement.scrollWidth`, int(width))
	}
	want(p, `getComputedStyle(`+step+`).userSelect`, "all")
	p.run(chromedp.Evaluate[chromedp.Void](`Object.defineProperty(navigator, "clipboard", { value: { writeText: function (s) { window.copied = s; return Promise.resolve(); } } })`))
	p.click(step+`.nextElementSibling`, false)
	want(p, `window.copied === `+step+`.textContent`, true)
	want(p, step+`.nextElementSibling.textContent`, "Copied")
	advice := `document.querySelector("#findings .advice")`
	p.click(advice+`.lastElementChild`, false)
	if copied := value[string](p, `window.copied`); !strings.Contains(copied, "--chmod") || strings.Contains(copied, "Copy") {
		t.Errorf("copying the advice gives %q", copied)
	}
	want(p, `document.querySelectorAll("button.copy:not([aria-label])").length`, 0)
}

func TestHTMLMapByMouse(t *testing.T) {
	p := sampleReport(t)
	want(p, crumbs, "/")
	p.click(itemNamed("srv/shop"), true)
	want(p, crumbs, "/ srv shop")
	if label := value[string](p, `document.getElementById("cells").getAttribute("aria-label")`); label != "Map of /srv/shop, stored bytes" {
		t.Errorf("got map name %q", label)
	}
	p.click(`document.querySelectorAll("#crumbs button")[0]`, false)
	want(p, crumbs, "/")
	// A click on a nested cell opens the directory that it's in.
	deep := `Array.from(document.querySelectorAll(".cell[aria-hidden]:not(.dir)")).sort(function (a, b) { return b.offsetWidth * b.offsetHeight - a.offsetWidth * a.offsetHeight; })[0]`
	p.click(deep, false)
	if value[int](p, `document.querySelectorAll("#crumbs button").length`) < 2 {
		t.Error("a click deep in the map has no effect")
	}
	p.click(`document.querySelectorAll("#crumbs button")[0]`, false)
	for _, area := range []string{"visible", "wasted", "stored"} {
		p.click(`document.querySelector("input[value=`+area+`] + span")`, false)
		dead := value[int](p, `document.querySelectorAll(".cell.dead").length`)
		live := value[int](p, `document.querySelectorAll(".cell:not(.dead):not(.dir)").length`)
		if (dead > 0) != (area != "visible") || (live > 0) != (area != "wasted") {
			t.Errorf("%s bytes show as %d visible cells and %d wasted ones", area, live, dead)
		}
	}
	p.click(`document.querySelector("input[value=waste] + span")`, false)
	if legend := value[string](p, `document.getElementById("legend").textContent`); !strings.Contains(legend, "visible") || !strings.Contains(legend, "metadata") {
		t.Errorf("the legend of waste says %q", legend)
	}
}

func TestHTMLMapByKeyboard(t *testing.T) {
	p := sampleReport(t)
	p.run(focusOn(item + `[0]`))
	first := value[string](p, focused)
	p.keys(kb.End)
	last := value[string](p, focused)
	want(p, `document.querySelector(".ring").hidden`, false)
	p.keys(kb.Home)
	if again := value[string](p, focused); first == last || again != first {
		t.Errorf("Home and End move from %q to %q to %q", first, last, again)
	}
	// The arrow keys reach every cell.
	want(p, `(function () {
		var all = Array.from(`+item+`), seen = new Set([all[0]]), open = [all[0]];
		while (open.length) {
			var from = open.pop();
			["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].forEach(function (key) {
				from.focus();
				from.dispatchEvent(new KeyboardEvent("keydown", { key: key, bubbles: true }));
				var to = document.activeElement;
				if (!seen.has(to)) { seen.add(to); open.push(to); }
			});
		}
		return all.length - seen.size;
	})()`, 0)
	p.run(focusOn(itemNamed("srv/shop")))
	p.keys(kb.Enter)
	want(p, crumbs, "/ srv shop")
	inside := value[string](p, focused)
	want(p, `document.activeElement.getAttribute("role")`, "treeitem")
	p.keys(kb.ArrowDown)
	if value[string](p, focused) == inside {
		p.keys(kb.ArrowRight)
	}
	if value[string](p, focused) == inside {
		t.Error("arrow keys don't move inside a directory")
	}
	if said := value[string](p, `document.getElementById("detail").textContent`); !strings.HasPrefix(said, "/srv/shop/") {
		t.Errorf("the focused cell is described as %q", said)
	}
	p.keys(kb.Escape)
	want(p, crumbs, "/")
	if label := value[string](p, focused); !strings.HasPrefix(label, "srv/shop,") {
		t.Errorf("after Escape, the focus is on %q", label)
	}
	p.keys(kb.Escape)
	want(p, crumbs, "/")
}

func TestHTMLSearchAndSort(t *testing.T) {
	p := sampleReport(t)
	shown := `Array.from(document.querySelectorAll("#waste-rows tr:not([hidden])"), function (r) { return r.cells[0].textContent; }).join(" ")`
	all := value[int](p, `document.querySelectorAll("#waste-rows tr:not([hidden])").length`)
	p.click(`document.getElementById("search")`, false)
	p.keys(strings.Split("JPG metadata", "")...)
	found := strings.Fields(value[string](p, shown))
	if len(found) == 0 || len(found) == all {
		t.Errorf("the search finds %d of %d rows", len(found), all)
	}
	for _, path := range found {
		if !strings.HasSuffix(path, ".jpg") {
			t.Errorf("the search finds %s", path)
		}
	}
	if status := value[string](p, `document.getElementById("found").textContent`); !strings.HasPrefix(status, fmt.Sprintf("%d of %d rows, ", len(found), all)) {
		t.Errorf("the search reports %q", status)
	}
	if value[int](p, `document.querySelectorAll(".cell.hit").length`) == 0 {
		t.Error("nothing is highlighted in the map")
	}
	p.run(focusOn(`document.getElementById("search")`))
	p.keys(kb.Enter) // it must not send anything
	for range "JPG metadata" {
		p.keys(kb.Backspace)
	}
	want(p, `document.querySelectorAll("#waste-rows tr:not([hidden])").length`, all)
	want(p, `document.querySelectorAll(".cell.hit, .cell.dim").length`, 0)

	bytes := `Array.from(document.querySelectorAll("#waste-rows td[data-n]"), function (c) { return Number(c.dataset.n); })`
	sorted := func(values, order string) string {
		return `(function (v) { return v.every(function (x, i) { return !i || v[i - 1] ` + order + ` x; }); })(` + values + `)`
	}
	header := `document.querySelectorAll("#waste-table th button")`
	want(p, sorted(bytes, ">="), true)
	p.click(header+`[1]`, false)
	want(p, sorted(bytes, "<="), true)
	want(p, `document.querySelectorAll("#waste-table th")[1].getAttribute("aria-sort")`, "ascending")
	p.run(focusOn(header + `[0]`))
	p.keys(kb.Enter)
	want(p, sorted(`Array.from(document.getElementById("waste-rows").rows, function (r) { return r.cells[0].textContent; })`, "<="), true)
	want(p, `document.querySelectorAll("#waste-table [aria-sort]").length`, 1)
}

// contrasts lists texts whose contrast with the background is below WCAG's 4.5 to 1.
const contrasts = `(function () {
	function rgb(c) { return (c.match(/[\d.]+/g) || []).map(Number); }
	function light(c) {
		var v = c.slice(0, 3).map(function (x) { x /= 255; return x <= 0.04045 ? x / 12.92 : Math.pow((x + 0.055) / 1.055, 2.4); });
		return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2];
	}
	function behind(e) {
		for (; e; e = e.parentElement) {
			var c = rgb(getComputedStyle(e).backgroundColor);
			if (c.length === 3 || c[3] === 1) return c;
		}
		return [255, 255, 255];
	}
	var poor = {};
	document.querySelectorAll("body *:not(script)").forEach(function (e) {
		var own = Array.from(e.childNodes).some(function (n) { return n.nodeType === 3 && n.data.trim(); });
		if (!own || !e.checkVisibility()) return;
		var a = light(rgb(getComputedStyle(e).color)), b = light(behind(e));
		var ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) poor[e.tagName + "." + e.className + " " + ratio.toFixed(2)] = true;
	});
	return Object.keys(poor).join(", ");
})()`

func TestHTMLThemesAndWidths(t *testing.T) {
	p := sampleReport(t)
	paper := `getComputedStyle(document.body).backgroundColor`
	p.dark(false)
	light := value[string](p, paper)
	want(p, contrasts, "")
	p.click(`document.querySelector("input[value=waste] + span")`, false)
	want(p, contrasts, "")
	p.dark(true)
	dark := value[string](p, paper)
	if light == dark {
		t.Errorf("both themes are %s", light)
	}
	want(p, contrasts, "")
	p.click(`document.querySelector("input[value=layer] + span")`, false)
	want(p, contrasts, "")
	p.run(focusOn(`document.getElementById("theme")`))
	p.keys(kb.ArrowDown) // light
	want(p, paper, light)
	p.dark(false)
	p.keys(kb.ArrowDown) // dark
	want(p, paper, dark)
	p.keys(kb.ArrowUp, kb.ArrowUp) // back to the system's theme
	want(p, paper, light)
	for _, width := range []int64{1280, 800, 360} {
		p.resize(width, 800)
		want(p, `document.documentElement.scrollWidth`, int(width))
		if n := value[int](p, item+`.length`); n < 2 {
			t.Errorf("at a width of %d pixels, the map has %d cells", width, n)
		}
	}
}

// TestHTMLHostileImage checks that the names and commands of an image stay plain text.
func TestHTMLHostileImage(t *testing.T) {
	evil := []string{
		`<script>window.pwned=1;alert(1)</script>`,
		`</script><img src=x onerror=window.pwned=1>`,
		`<!--<script>`,
		`"onmouseover="window.pwned=1" x='`,
		`javascript:window.pwned=1`,
		`{{.Policy}}${window.pwned=1}`,
		"\u2028\u2029\u202egnp.exe\u2066",
		"\xff\xfeinvalid",
		"\x1b[31mred\x07",
		`__proto__`, `constructor`,
		strings.Repeat("x", 250),
		`שלום`,
	}
	var text strings.Builder
	text.WriteString("-- image evil:1 linux/amd64 --\n")
	for _, e := range evil {
		fmt.Fprintf(&text, "step %s\n", strconv.Quote(e))
	}
	for i, e := range evil {
		text.WriteString("-- layer --\n")
		for j, name := range evil {
			fmt.Fprintf(&text, "file %s %d seed=%d\n", strconv.Quote("dir/"+name), 1000*(j+1), i)
		}
		fmt.Fprintf(&text, "file %s 5000\n", strconv.Quote(e+"/"+e))
	}
	f, err := testkit.Parse(text.String())
	if err != nil {
		t.Fatal(err)
	}
	file, a := htmlReport(t, f.Shapes()[0].Write(t, f))
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{"\u2028", "\u2029", "\u202e", "\u2066", "\xff", "\x1b"} {
		if bytes.Contains(page, []byte(raw)) {
			t.Errorf("the page contains an unescaped %q", raw)
		}
	}
	p := openPage(t, file)
	if a.Waste.Len() == 0 {
		t.Fatal("nothing is wasted")
	}
	want(p, `document.getElementById("waste-rows").rows.length`, a.Waste.Len())
	search := `document.getElementById("search")`
	for _, name := range []string{"img src=x", `\u202egnp`, `\xff\xfeinvalid`, `\x1b[31mred`, "__proto__"} {
		want(p, `(function (e) {
			e.value = `+strconv.Quote(name)+`;
			e.dispatchEvent(new Event("input"));
			return document.querySelectorAll("#waste-rows tr:not([hidden])").length > 0;
		})(`+search+`)`, true)
	}
	want(p, `(function (e) { e.value = ""; e.dispatchEvent(new Event("input")); return true; })(`+search+`)`, true)
	// Open every directory and hover over every cell, and go back.
	p.click(`document.querySelector("#as-table > summary")`, false)
	visited := value[int](p, `(function () {
		var n = 0;
		(function visit(depth) {
			for (var i = 0; i < `+item+`.length && n < 500; i++) {
				var e = `+item+`[i];
				n++;
				e.focus();
				e.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
				if (e.getAttribute("aria-expanded") === null || depth > 4) continue;
				e.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
				visit(depth + 1);
				document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
			}
		})(0);
		return n;
	})()`)
	if visited < len(evil) {
		t.Errorf("saw only %d cells", visited)
	}
	p.settle()
	want(p, `window.pwned === undefined`, true)
	want(p, `document.querySelectorAll("script").length`, 3)
	want(p, `document.querySelectorAll("img, iframe, object, embed, base, body script[src], [onerror], [onmouseover]").length`, 0)
	want(p, `Array.from(document.querySelectorAll("[href]")).every(function (e) { return /^(#|data:,)/.test(e.getAttribute("href")); })`, true)
}

// TestHTMLPolicy checks that the page's policy would stop text from an image that became
// markup.
func TestHTMLPolicy(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	p := sampleReport(t)
	p.run(chromedp.Evaluate[chromedp.Void](`(function (url) {
		var script = document.createElement("script");
		script.textContent = "window.pwned = 1";
		document.body.append(script);
		document.body.insertAdjacentHTML("beforeend",
			"<img src='" + url + "' onerror='window.pwned = 1'><p style='color: red' onclick='window.pwned = 1'>x</p>");
		document.body.lastChild.click();
		return fetch(url).catch(function () {});
	})(`+strconv.Quote(server.URL)+`)`, chromedp.EvalAwaitPromise))
	p.settle()
	want(p, `window.pwned === undefined`, true)
	faults := strings.Join(p.forgive(), "\n")
	for _, directive := range []string{"script-src", "style-src", "img-src", "connect-src"} {
		if !strings.Contains(faults, directive) {
			t.Errorf("the browser doesn't report %s:\n%s", directive, faults)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("the page sent %d requests", n)
	}
}

func TestHTMLOddImages(t *testing.T) {
	for name, text := range map[string]string{
		"no layers":       "-- image empty:1 linux/amd64 --\n",
		"empty layer":     "-- layer --\n",
		"no waste":        "-- layer --\nfile a 5\nfile b/c 7\n",
		"deep":            "-- layer --\nfile " + strings.Repeat("d/", 5000) + "f 5\n",
		"deep and full":   "-- layer --\n" + steps(600),
		"all of it waste": "-- layer --\nfile a 5\n-- layer --\nfile .wh.a\n",
	} {
		t.Run(name, func(t *testing.T) {
			f, err := testkit.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			file, a := htmlReport(t, f.Shapes()[0].Write(t, f))
			p := openPage(t, file)
			want(p, item+`.length > 0`, a.Totals.Stored > 0)
			want(p, `document.getElementById("waste") !== null`, a.Totals.Wasted > 0)
		})
	}
}

// steps returns nested directories, with a file in each.
func steps(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("file " + strings.Repeat("d/", i) + "f 1000\n")
	}
	return b.String()
}
