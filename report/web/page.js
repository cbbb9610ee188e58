// What moves on a page: the map, the search, the sorting, the theme, and the buttons
// that copy. The tables stand without it. Text from the image is only ever set
// as text.
(function () {
"use strict";

var byId = function (id) { return document.getElementById(id); };
document.documentElement.classList.add("scripted");

// make returns a new element with a class and text, if any.
function make(tag, cls, text) {
  var e = document.createElement(tag);
  if (cls) e.className = cls;
  if (text !== undefined) e.textContent = text;
  return e;
}

// size writes bytes as internal/human does: three digits, a decimal unit.
function size(n) {
  if (n < 1000) return n + " B";
  var units = "kMGTPE";
  for (var i = 0, unit = 1000; ; i++, unit *= 1000) {
    for (var digits = 2; digits >= 0; digits--) {
      var scale = Math.pow(10, digits), figures = Math.round(n / (unit / scale));
      if (figures < 1000 || (i === units.length - 1 && digits === 0)) {
        return (figures / scale).toFixed(digits) + " " + units[i] + "B";
      }
    }
  }
}

function count(n, one, many) { return n === 1 ? "1 " + one : n.toLocaleString("en-US") + " " + many; }

/* ---- theme ---- */

(function () {
  var select = byId("theme"), key = "peel-theme";
  function keep(v) { try { localStorage.setItem(key, v); } catch (e) { /* a page in a sandbox has none */ } }
  function kept() { try { return localStorage.getItem(key); } catch (e) { return null; } }
  function apply(v) {
    if (v === "light" || v === "dark") document.documentElement.dataset.theme = v;
    else delete document.documentElement.dataset.theme;
  }
  var v = kept();
  if (v === "light" || v === "dark") { select.value = v; apply(v); }
  select.addEventListener("change", function () { apply(select.value); keep(select.value); });
})();

/* ---- copying ---- */

// What each button copies is read before there are buttons in it.
Array.from(document.querySelectorAll("[data-copy]"), function (e) {
  return { e: e, text: e.textContent.trim() };
}).forEach(function (x) {
  var b = make("button", "copy", "Copy"), what = "Copy the " + x.e.dataset.copy;
  b.type = "button";
  b.setAttribute("aria-label", what);
  function said(ok) {
    b.textContent = ok ? "Copied" : "Press Ctrl+C";
    setTimeout(function () { b.textContent = "Copy"; }, 2000);
  }
  function select() { // where a page may not write to the clipboard by itself
    getSelection().selectAllChildren(x.e);
    var ok = false;
    try { ok = document.execCommand("copy"); } catch (e) { /* it stays selected */ }
    said(ok);
  }
  b.addEventListener("click", function () {
    if (navigator.clipboard && navigator.clipboard.writeText) navigator.clipboard.writeText(x.text).then(function () { said(true); }, select);
    else select();
  });
  if (x.e.tagName === "P") x.e.append(b);
  else x.e.after(b);
});

/* ---- the map's data: report/htmlmap.go writes it ---- */

if (!byId("map-data")) return; // the page has no map
var DIR = 0, FILE = 1, VERSION = 2, REST = 3;
var data = JSON.parse(byId("map-data").textContent);
var nodes = data.cells.map(function (c, i) {
  return {
    id: i, parent: c[0], name: c[1], kind: c[2], bytes: c[3] || 0, cause: c[4] || 0, layer: c[5], by: c[6],
    versions: c[7] || 0, most: c[8] || 0, kids: [], stored: 0, wasted: 0
  };
});
for (var i = nodes.length - 1; i >= 0; i--) { // those below come later
  var n = nodes[i];
  n.stored += n.bytes;
  if (n.cause) n.wasted += n.bytes;
  n.parent = n.parent < 0 ? null : nodes[n.parent];
  if (n.parent) {
    n.parent.stored += n.stored;
    n.parent.wasted += n.wasted;
    n.parent.kids.push(n);
  }
}
var root = nodes[0];

function opens(n) { return n.kind === DIR || n.kind === FILE; }

// Trees may be thousands of directories deep: nothing here calls itself.
function path(n) {
  var names = [];
  for (var p = n; p.parent; p = p.parent) if (p.name) names.push(p.name.replace(/^\//, ""));
  return "/" + names.reverse().join("/");
}

function smaller(n) {
  return data.group ? count(n.versions, "smaller repository", "smaller repositories") : count(n.versions, "smaller file", "smaller files");
}

// nameBelow is what n is called below one of the nodes above it.
function nameBelow(above, n) {
  if (n.kind === REST) return smaller(n);
  if (!n.name) return data.group ? (n.cause ? data.causes[n.cause] : "visible") : "layer " + n.layer;
  var s = n.name;
  for (var p = n.parent; p && p !== above; p = p.parent) if (p.name) s = p.name + "/" + s;
  return s;
}

/* ---- colours ---- */

// Paul Tol's "light" scheme, made for labels in black and for every kind of
// colour vision. Layers of the base share its grey.
var LIGHT = ["#77aadd", "#44bb99", "#eedd88", "#ee8866", "#99ddff", "#bbcc33", "#ffaabb", "#aaaa00"];
var BASE = "#c3cad3";
var CAUSES = { overwritten: 3, metadata: 0, identical: 1, removed: 6, opaque: 4, replaced: 2, duplicate: 5 };
var layerColours = colourLayers();

// colourLayers gives each layer above the base a colour, those that carry most
// first; where there are more layers than colours, the small ones repeat them.
function colourLayers() {
  var carried = [], colours = [];
  nodes.forEach(function (n) { if (n.bytes) carried[n.layer] = (carried[n.layer] || 0) + n.bytes; });
  var users = [];
  for (var k = 0; k < carried.length; k++) {
    if (data.layers[k] && data.layers[k][0]) colours[k] = BASE;
    else if (carried[k]) users.push(k);
  }
  users.sort(function (a, b) { return carried[b] - carried[a] || a - b; })
    .forEach(function (k, rank) { colours[k] = LIGHT[rank % LIGHT.length]; });
  return colours;
}

function layerColour(k) { return layerColours[k] || "transparent"; }
function causeColour(c) { return LIGHT[CAUSES[data.causes[c]]]; }
function command(k) { return data.layers[k] ? data.layers[k][1] : "unknown"; }

document.querySelectorAll(".key[data-layer]").forEach(function (e) {
  e.style.setProperty("--shade", layerColour(Number(e.dataset.layer)));
});
document.querySelectorAll(".key[data-cause]").forEach(function (e) {
  e.classList.add("dead");
  e.style.setProperty("--shade", causeColour(data.causes.indexOf(e.dataset.cause)));
});

/* ---- the map ---- */

var AREAS = {
  stored: function (n) { return n.stored; },
  visible: function (n) { return n.stored - n.wasted; },
  wasted: function (n) { return n.wasted; }
};
var HEAD = 18;        // pixels of a directory's name
var ROOM = 36;        // pixels a side that a directory needs to have its name on it
var LEAST = 3;        // pixels a side below which nothing is drawn

var box = byId("cells"), detail = byId("detail");
var area = "stored", colour = "layer", here = root, words = [];
var drawn = []; // { e, n }
var width = 0, height = 0; // of the map, in pixels; asked of the browser once a drawing, for that costs a layout
var ring;       // around the cell that has the focus: over what is in it, which is drawn later
var items = []; // of those, what the keyboard reaches: what lies right below here

function kidsOf(n) {
  return n.kids.filter(function (k) { return AREAS[area](k) > 0; }).map(through);
}

// through skips directories that hold but another directory.
function through(n) {
  for (;;) {
    if (n.kind !== DIR) return n;
    var kids = n.kids.filter(function (k) { return AREAS[area](k) > 0; });
    if (kids.length !== 1 || kids[0].kind !== DIR) return n;
    n = kids[0];
  }
}

function roomy(d) { return d.x1 - d.x0 >= ROOM && d.y1 - d.y0 >= ROOM; }

function layout() {
  var edge = function (d) { return d.depth && roomy(d) ? 2 : 0; };
  var h = d3.hierarchy(here, function (n) { return opens(n) ? kidsOf(n) : null; })
    .sum(function (n) { return opens(n) ? 0 : AREAS[area](n); })
    .sort(function (a, b) { return b.value - a.value || a.data.id - b.data.id; });
  return d3.treemap().size([width, height]).round(true).paddingInner(1)
    .paddingTop(function (d) { return d.depth && roomy(d) ? HEAD : 0; })
    .paddingLeft(edge).paddingRight(edge).paddingBottom(edge)(h);
}

function say(n) {
  var s = nameBelow(here, n) + ", ";
  if (n.kind === DIR) s += "directory, ";
  if (n.kind === FILE) s += data.group ? "repository, " : "file with several versions, ";
  if (opens(n)) return s + size(n.stored) + " stored, " + size(n.wasted) + " wasted";
  return s + size(n.bytes) + ", " + fate(n);
}

// fate says in words who carries a version's bytes and what became of them.
function fate(n) {
  if (data.group) return (n.cause ? "wasted: " + data.causes[n.cause] : "visible") + (n.kind === REST ? "" : ", " + data.group + " " + command(n.layer));
  var s = (n.kind === REST && n.most < n.bytes ? "mostly in layer " : "in layer ") + n.layer;
  if (!n.cause) return s + ", visible";
  s += n.kind === REST ? ", wasted" : ", wasted: " + data.causes[n.cause];
  return n.by >= 0 ? s + " by layer " + n.by : s;
}

function draw(focus) {
  var active = document.activeElement;
  var had = box.contains(active) && active.dataset.cell ? nodes[Number(active.dataset.cell)] : null;
  box.textContent = "";
  drawn = [];
  items = [];
  box.setAttribute("aria-label", "Map of " + path(here) + ", " + area + " bytes");
  width = box.clientWidth;
  height = box.clientHeight;
  if (AREAS[area](here) > 0 && width > 0) {
    layout().each(drawCell); // a directory before what is in it
  } else {
    box.append(make("p", "empty", "Nothing " + area + " here."));
  }
  items.forEach(function (d, i) {
    d.e.setAttribute("aria-posinset", i + 1);
    d.e.setAttribute("aria-setsize", items.length);
  });
  ring = make("div", "ring");
  ring.hidden = true;
  box.append(ring);
  var first = items.find(function (d) { return d.n === (focus || had); }) || items[0];
  if (first) first.e.tabIndex = 0;
  if (!focus) describe(here);
  if (first && (had || focus)) first.e.focus({ preventScroll: true });
  highlight();
  crumbs();
  legend();
  list();
}

function drawCell(d) {
  var w = d.x1 - d.x0, h = d.y1 - d.y0, n = d.data;
  if (!d.depth || w < LEAST || h < LEAST) return;
  var e = make("div", "cell");
  // In parts of the whole, so that it fits paper too.
  e.style.left = 100 * d.x0 / width + "%";
  e.style.top = 100 * d.y0 / height + "%";
  e.style.width = 100 * w / width + "%";
  e.style.height = 100 * h / height + "%";
  if (opens(n)) e.classList.add("dir");
  else shade(e, n);
  if (w >= 30 && h >= 17 && (!opens(n) || roomy(d))) e.append(label(d, w));
  if (d.depth === 1) {
    e.setAttribute("role", "treeitem");
    e.setAttribute("aria-label", say(n));
    e.setAttribute("aria-level", 1);
    if (opens(n)) e.setAttribute("aria-expanded", "false");
    e.tabIndex = -1;
    items.push({ e: e, n: n, d: d });
  } else {
    e.setAttribute("aria-hidden", "true");
  }
  e.dataset.cell = n.id;
  drawn.push({ e: e, n: n });
  box.append(e);
}

// mixed tells of a rest that no layer carries most of.
function mixed(n) { return n.kind === REST && n.most * 2 <= n.bytes; }

function shade(e, n) {
  if (n.cause) e.classList.add("dead");
  if (colour === "layer" && !mixed(n)) e.style.setProperty("--shade", layerColour(n.layer));
  else if (colour === "waste" && n.cause) e.style.setProperty("--shade", causeColour(n.cause));
  else e.classList.add("plain");
}

function label(d, w) {
  var n = d.data, s = make("span", "", nameBelow(d.parent.data, n));
  if (w >= 90) s.append(make("small", "", size(AREAS[area](n)) + (w >= 150 && n.name && !opens(n) && !data.group ? ", layer " + n.layer : "")));
  return s;
}

// describe shows what there is to say of a cell below the map.
function describe(n) {
  detail.textContent = "";
  if (!n) return;
  detail.append(make("b", "", n.kind === REST ? path(n) + " (" + smaller(n) + ")" : path(n)), " ");
  if (opens(n)) {
    detail.append(size(n.stored) + " stored, " + size(n.stored - n.wasted) + " visible, " + size(n.wasted) + " wasted");
    return;
  }
  detail.append(size(n.bytes) + " " + fate(n), make("br"));
  if (data.group) return;
  detail.append(make("span", "", "layer " + n.layer + ": " + command(n.layer)));
  if (n.by >= 0) detail.append(make("br"), make("span", "", "layer " + n.by + ": " + command(n.by)));
}

function crumbs() {
  var ol = byId("crumbs");
  ol.textContent = "";
  for (var n = here, first = true; n; n = n.parent, first = false) {
    var li = make("li"), b = make("button", "", n.parent ? n.name : "/");
    b.type = "button";
    if (first) b.setAttribute("aria-current", "location");
    b.addEventListener("click", zoom.bind(null, n, null));
    li.append(b);
    ol.prepend(li);
  }
}

var SEVERAL = 1e9; // in place of a layer

// legend names the colours that are in use.
function legend() {
  var ul = byId("legend"), used = {};
  ul.textContent = "";
  for (var left = [here]; left.length;) {
    var n = left.pop();
    if (AREAS[area](n) === 0) continue;
    if (opens(n)) n.kids.forEach(function (k) { left.push(k); });
    else used[colour === "waste" ? n.cause : mixed(n) ? SEVERAL : n.layer] = true;
  }
  var keys = Object.keys(used).map(Number).sort(function (a, b) { return a - b; });
  var most = 30;
  keys.slice(0, most).forEach(function (k) {
    var li = make("li"), key = make("span", "key"), text;
    if (k === SEVERAL) {
      key.classList.add("plain");
      text = data.group ? "several" : "several layers";
    } else if (colour === "layer") {
      key.style.setProperty("--shade", layerColour(k));
      text = data.group ? command(k) : k + (data.layers[k] && data.layers[k][0] ? " (base) " : " ") + command(k);
    } else if (k) {
      key.classList.add("dead");
      key.style.setProperty("--shade", causeColour(k));
      text = data.causes[k];
    } else {
      key.classList.add("plain");
      text = "visible";
    }
    key.setAttribute("aria-hidden", "true");
    li.append(key, make("span", "", text));
    ul.append(li);
  });
  if (keys.length > most) ul.append(make("li", "", "and " + count(keys.length - most, "colour", "colours") + " more"));
  if (colour === "layer" && area !== "visible" && here.wasted) {
    var last = make("li"), hatched = make("span", "key plain dead");
    hatched.setAttribute("aria-hidden", "true");
    last.append(hatched, make("span", "", "wasted"));
    ul.append(last);
  }
}

// list is the map as a table, for those who would rather read it.
function list() {
  if (!byId("as-table").open) return;
  byId("list-caption").textContent = path(here) + ": " + size(here.stored) + " stored, " + size(here.stored - here.wasted) + " visible, " + size(here.wasted) + " wasted";
  var rows = here.kids.slice().sort(function (a, b) { return b.stored - a.stored || a.id - b.id; });
  byId("list").replaceChildren.apply(byId("list"), rows.map(function (n) {
    var tr = make("tr"), th = make("th"), name = nameBelow(here, n);
    th.scope = "row";
    if (opens(n)) {
      var b = make("button", "", name + (n.kind === DIR ? "/" : ""));
      b.type = "button";
      b.addEventListener("click", function () { zoom(n, null); byId("list").querySelector("button") && byId("list").querySelector("button").focus(); });
      th.append(b);
    } else {
      th.append(make("bdi", "", name));
    }
    tr.append(th);
    [n.stored, n.stored - n.wasted, n.wasted].forEach(function (v) { tr.append(make("td", "n", size(v))); });
    tr.append(make("td", "", opens(n) ? "" : fate(n)));
    return tr;
  }));
}

// zoom goes to a directory, or a file of several versions.
function zoom(n, focus) {
  here = n;
  draw(focus);
}

function zoomIn(n) {
  if (opens(n)) zoom(n, kidsOf(n)[0] ? largestOf(n) : null);
}

function largestOf(n) {
  return kidsOf(n).reduce(function (a, b) { return AREAS[area](b) > AREAS[area](a) ? b : a; });
}

// zoomOut goes to the next directory above that holds more than this one, and
// to the cell that was left.
function zoomOut() {
  if (here === root) return false;
  var from = here;
  do { here = here.parent; } while (here.parent && through(here) === from);
  var focus = kidsOf(here).find(function (k) {
    for (var p = from; p; p = p.parent) if (p === k) return true;
    for (p = k; p; p = p.parent) if (p === from) return true;
    return false;
  });
  zoom(here, focus || null);
  return true;
}

function cellOf(event) {
  var e = event.target.closest && event.target.closest(".cell");
  return e ? nodes[Number(e.dataset.cell)] : null;
}

box.addEventListener("click", function (event) {
  var n = cellOf(event);
  if (!n) return;
  if (!opens(n) && n.parent !== here) n = n.parent;
  if (opens(n)) zoom(n, null);
  else describe(n);
});
box.addEventListener("mouseover", function (event) { describe(cellOf(event) || here); });
box.addEventListener("mouseleave", function () {
  var focused = drawn.find(function (d) { return d.e === document.activeElement; });
  describe(focused ? focused.n : here);
});
box.addEventListener("focusin", function (event) {
  items.forEach(function (d) { d.e.tabIndex = d.e === event.target ? 0 : -1; });
  describe(cellOf(event));
  ring.hidden = !event.target.matches(":focus-visible");
  ["left", "top", "width", "height"].forEach(function (side) { ring.style[side] = event.target.style[side]; });
});
box.addEventListener("focusout", function () { ring.hidden = true; });

// nearest is the cell whose middle is closest in a direction, sideways counting
// double.
function nearest(from, dx, dy) {
  var best = null, least = Infinity;
  items.forEach(function (to) {
    var x = (to.d.x0 + to.d.x1 - from.d.x0 - from.d.x1) / 2, y = (to.d.y0 + to.d.y1 - from.d.y0 - from.d.y1) / 2;
    var ahead = dx ? x * dx : y * dy;
    var apart = dx ? between(from.d.y0, from.d.y1, to.d.y0, to.d.y1) : between(from.d.x0, from.d.x1, to.d.x0, to.d.x1);
    if (to === from || ahead <= 0) return;
    var far = ahead + 3 * apart;
    if (far < least) { least = far; best = to; }
  });
  return best;
}

// between is how far two stretches are apart, 0 if they overlap.
function between(a0, a1, b0, b1) { return Math.max(0, b0 - a1, a0 - b1); }

box.addEventListener("keydown", function (event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  var at = items.findIndex(function (d) { return d.e === document.activeElement; });
  if (at < 0) return;
  var to = null;
  switch (event.key) {
  case "ArrowLeft": to = nearest(items[at], -1, 0); break;
  case "ArrowRight": to = nearest(items[at], 1, 0); break;
  case "ArrowUp": to = nearest(items[at], 0, -1); break;
  case "ArrowDown": to = nearest(items[at], 0, 1); break;
  case "Home": to = items[0]; break;
  case "End": to = items[items.length - 1]; break;
  case "Enter": case " ": zoomIn(items[at].n); break;
  case "Backspace": zoomOut(); break;
  default: return;
  }
  event.preventDefault();
  if (to) to.e.focus();
});
byId("map-part").addEventListener("keydown", function (event) {
  if (event.key === "Escape" && zoomOut()) event.preventDefault();
});

document.querySelectorAll("input[name=area], input[name=colour]").forEach(function (e) {
  e.addEventListener("change", function () {
    if (e.name === "area") area = e.value;
    else colour = e.value;
    draw(null);
  });
  if (e.checked && e.name === "area") area = e.value; // a browser keeps them when it reloads
  if (e.checked && e.name === "colour") colour = e.value;
});
byId("as-table").addEventListener("toggle", list);

var waiting = 0;
new ResizeObserver(function () {
  if (box.clientWidth === width && box.clientHeight === height) return;
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(function () { draw(null); });
}).observe(box);

/* ---- the table of waste ---- */

// highlight marks the cells that the search finds.
function highlight() {
  drawn.forEach(function (d) {
    var hit = words.length > 0 && !opens(d.n) && d.n.kind !== REST && finds((path(d.n) + " " + data.causes[d.n.cause]).toLowerCase());
    d.e.classList.toggle("hit", hit);
    d.e.classList.toggle("dim", words.length > 0 && !opens(d.n) && !hit);
  });
}

function finds(text) { return words.every(function (w) { return text.includes(w); }); }

// number is what a cell is sorted by: its figure, or -1 if it is empty.
function number(cell) {
  var text = cell.dataset.n || cell.textContent;
  return text === "" ? -1 : Number(text);
}

(function () {
  var table = byId("waste-table");
  if (!table) return; // nothing is wasted
  var body = byId("waste-rows"), found = byId("found"), input = byId("search");
  var rows = Array.from(body.rows, function (tr) {
    var c = tr.cells;
    return {
      tr: tr, text: (c[0].textContent + " " + c[2].textContent).toLowerCase(),
      keys: [c[0].textContent, Number(c[1].dataset.n), c[2].textContent, number(c[3]), number(c[4])]
    };
  });
  var left = table.tFoot ? "; " + table.tFoot.rows[0].cells[0].textContent + " are not searched" : "";

  function search() {
    words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    var n = 0, bytes = 0;
    rows.forEach(function (r) {
      var hit = finds(r.text);
      r.tr.hidden = !hit;
      if (hit) { n++; bytes += r.keys[1]; }
    });
    found.textContent = words.length ? n.toLocaleString("en-US") + " of " + count(rows.length, "row", "rows") + ", " + size(bytes) + left : "";
    highlight();
  }
  input.addEventListener("input", search);
  input.form.addEventListener("submit", function (event) { event.preventDefault(); });
  if (input.value) search(); // as above

  table.querySelectorAll("th[data-sort]").forEach(function (th, column) {
    var b = make("button", "", th.textContent);
    b.type = "button";
    th.replaceChildren(b);
    b.addEventListener("click", function () {
      var was = th.getAttribute("aria-sort");
      var up = was ? was === "descending" : th.dataset.sort === "text";
      table.querySelectorAll("th[aria-sort]").forEach(function (o) { o.removeAttribute("aria-sort"); });
      th.setAttribute("aria-sort", up ? "ascending" : "descending");
      rows.sort(function (a, b) {
        var x = a.keys[column], y = b.keys[column];
        return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1);
      });
      body.append.apply(body, rows.map(function (r) { return r.tr; }));
    });
  });
})();
})();
