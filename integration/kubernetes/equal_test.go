package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/peelhq/peel/fleet"
	"github.com/peelhq/peel/source"
)

// totalNames are the totals in peel report, which peel fleet report has for each image.
var totalNames = []string{
	"layers", "entries", "storedBytes", "visibleBytes", "wastedBytes", "efficiency", "compressedBytes", "baseLayers",
	"userStoredBytes", "userWastedBytes", "userWastedRatio", "baseHiddenBytes", "ownEfficiency",
}

// document is a JSON object with unparsed values.
type document = map[string]json.RawMessage

// equal compares the summary and the tables, byte for byte, with the report of each image.
func (f *fleetTest) equal(t *testing.T) {
	var sum struct {
		Totals struct{ Images, Unreadable, Waiting int64 }
		Layers struct{ Unique, Unreadable int64 }
		Images []document
	}
	if err := json.Unmarshal([]byte(f.peel("fleet", "report", storePlace, "-f", "json")), &sum); err != nil {
		t.Fatal(err)
	}
	if len(sum.Images) != imageCount || sum.Totals.Images != imageCount-1 || sum.Totals.Unreadable != 1 || sum.Totals.Waiting != 0 ||
		sum.Layers.Unique != int64(len(f.layers)) || sum.Layers.Unreadable != 1 {
		t.Errorf("%d images, %+v, %+v", len(sum.Images), sum.Totals, sum.Layers)
	}
	tables := f.tables(t)
	seen, compared := map[string]bool{}, map[string]int{}
	for i, image := range sum.Images {
		var name, ref string
		if err := json.Unmarshal(image["name"], &name); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(image["reference"], &ref); err != nil {
			t.Fatal(err)
		}
		seen[name] = true
		if name == gateAt+"/"+f.images[imageCount-1].name {
			f.unreadable(t, image, ref)
			continue
		}
		var report struct {
			Totals                     document
			Layers, Findings, Packages []document
		}
		if err := json.Unmarshal([]byte(f.peel("report", "--insecure-registry", gateAt, "-f", "json", ref)), &report); err != nil {
			t.Fatal(err)
		}
		if len(report.Totals) != len(totalNames) {
			t.Errorf("a report has %d totals, but the test knows %d", len(report.Totals), len(totalNames))
		}
		for _, total := range totalNames {
			if !bytes.Equal(image[total], report.Totals[total]) {
				t.Errorf("%s: %s is %s in the fleet, but %s in its report", name, total, image[total], report.Totals[total])
			}
		}
		for table, want := range map[string][]document{"layers": report.Layers, "findings": report.Findings, "packages": report.Packages} {
			have := tables[table][int64(i)]
			if len(have) != len(want) {
				t.Errorf("%s: got %d rows of %s, its report has %d", name, len(have), table, len(want))
				continue
			}
			for j := range want {
				compared[table] += f.sameRow(t, fmt.Sprintf("%s: %s %d", name, table, j), have[j], want[j])
			}
		}
	}
	for _, image := range f.images {
		if name := gateAt + "/" + image.name; !seen[name] {
			t.Errorf("no image %s", name)
		}
	}
	for table, least := range map[string]int{"layers": 60 * 4 * 10, "findings": 60 * 5, "packages": 60 * 4} {
		if compared[table] < least {
			t.Errorf("compared only %d values of %s", compared[table], table)
		}
	}
}

// unreadable checks that the image with the broken layer has a reason instead of figures, and
// that its report fails for the same reason.
func (f *fleetTest) unreadable(t *testing.T, image document, ref string) {
	t.Helper()
	const says = "the registry returned the wrong bytes"
	if !strings.Contains(string(image["error"]), says) || string(image["storedBytes"]) != "null" {
		t.Errorf("the broken image: got %s, %s", image["error"], image["storedBytes"])
	}
	command := f.peelCommand(context.Background(), "report", "--insecure-registry", gateAt, "-f", "json", ref)
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(string(out), says) {
		t.Errorf("the broken image's report: got %v\n%s", err, out)
	}
}

// sameRow compares the keys that a table's row and a report's row share.
func (f *fleetTest) sameRow(t *testing.T, what string, have, want document) (compared int) {
	t.Helper()
	for key, value := range have {
		other, shared := want[key]
		if !shared {
			continue
		}
		var packed bytes.Buffer
		if err := json.Compact(&packed, other); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(value, packed.Bytes()) {
			t.Errorf("%s: %s is %s in the table, but %s in the report", what, key, value, packed.Bytes())
		}
		compared++
	}
	return compared
}

// tables reads the rows of images from the store's files, by image number.
func (f *fleetTest) tables(t *testing.T) map[string]map[int64][]document {
	t.Helper()
	ctx := context.Background()
	s, err := fleet.OpenStore(ctx, f.path("objects/fleet/2026"), false)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := fleet.FindPlan(ctx, s, "")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[int64][]document{"layers": {}, "findings": {}, "packages": {}}
	part := func(table string) string { return fleet.PartName(table, plan, 0) }
	readRows(t, s, part(fleet.ImageLayersTable), func(r *fleet.ImageLayerRow) {
		row := rowOf(t, *r)
		row["index"], row["digest"] = row["layerIndex"], row["layer"]
		delete(row, "layer")
		all["layers"][r.Image] = append(all["layers"][r.Image], row)
	})
	readRows(t, s, part(fleet.FindingsTable), func(r *fleet.FindingRow) {
		row := rowOf(t, *r)
		row["layer"] = row["layerIndex"]
		all["findings"][r.Image] = append(all["findings"][r.Image], row)
	})
	readRows(t, s, part(fleet.PackagesTable), func(r *fleet.PackageRow) {
		row := rowOf(t, *r)
		delete(row, "layer")
		delete(row, "layers")
		all["packages"][r.Image] = append(all["packages"][r.Image], row)
	})
	return all
}

func readRows[T any](t *testing.T, s source.Objects, name string, fn func(*T)) {
	t.Helper()
	if err := fleet.EachRow(context.Background(), s, name, func(r *T) error { fn(r); return nil }); err != nil {
		t.Fatal(err)
	}
}

// rowOf returns a row with its columns named as in a report: storedBytes for stored_bytes.
func rowOf(t *testing.T, row any) document {
	t.Helper()
	doc := document{}
	v := reflect.ValueOf(row)
	for i := range v.NumField() {
		tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("parquet"), ",")
		words := strings.Split(tag, "_")
		for j := 1; j < len(words); j++ {
			words[j] = strings.ToUpper(words[j][:1]) + words[j][1:]
		}
		value := v.Field(i).Interface()
		if ms, is := value.(*int64); is && ms != nil && tag == "created" {
			value = time.UnixMilli(*ms).UTC()
		}
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(value); err != nil {
			t.Fatal(err)
		}
		doc[strings.Join(words, "")] = bytes.TrimSpace(text.Bytes())
	}
	return doc
}
