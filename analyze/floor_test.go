package analyze

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestFindingFloor checks that the default floor is the smaller of a share of the image and a
// number of bytes, and that a setting replaces it.
func TestFindingFloor(t *testing.T) {
	for _, c := range []struct {
		name, said string
		stored     int64
		want       int64
	}{
		{"a small image", "", 20_000_000, 200_000},
		{"a large image", "", 2_000_000_000, 1_000_000},
		{"nothing stored", "", 0, 0},
		{"said", "5MB", 20_000_000, 5_000_000},
		{"off", "off", 20_000_000, 0},
		{"nothing", "0", 20_000_000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NoRules()
			if c.said != "" {
				if err := r.Say(minFindingSetting.Setting, c.said); err != nil {
					t.Fatal(err)
				}
			}
			if got := findingFloor(r, c.stored); got != c.want {
				t.Errorf("got floor %d, want %d", got, c.want)
			}
		})
	}
}

// TestBrief checks that only findings of waste can be below the floor or summed up.
func TestBrief(t *testing.T) {
	of := func(rule string, severity Severity, bytes int64, ofBase bool) Finding {
		return Finding{ID: fmt.Sprintf("%s %d", rule, bytes), Rule: rule, Severity: severity, Bytes: bytes, Versions: 1, OfBase: ofBase}
	}
	all := []Finding{
		of("secret", Warning, 1, false), of("secret", Note, 2, true), of("setuid", Note, 3, false), of("max-wasted", Error, 4, false), of(RuleVisible, Note, 5, false),
		of(RuleWaste, Note, 500, false), of(RuleWaste, Note, 600, true), of(RuleWaste, Note, 6, true), of(RuleWaste, Note, 7, false), of(RuleWaste, Note, 8, false),
	}
	markBelow(100, all)
	s := Sort(all)
	for _, c := range []struct {
		name  string
		found []Finding
		want  string
	}{
		{"shown", s.Shown, "secret 1, setuid 3, max-wasted 4, visible 5, waste 500"},
		{"of the base", s.OfBase, "secret 2, waste 600, waste 6"},
		{"below the floor", s.BelowFloor, "waste 7, waste 8"},
		{"brief", Brief(all, 100), "secret 1, setuid 3, max-wasted 4, visible 5, waste 500, secret 2, waste/of-base 606, waste/below-floor 15"},
		{"brief without a floor", Brief(all, 0), "secret 1, secret 2, setuid 3, max-wasted 4, visible 5, waste 500, waste 600, waste 6, waste 7, waste 8"},
		{"brief of nothing", Brief(nil, 100), ""},
	} {
		var got []string
		for _, f := range c.found {
			if id := f.ID; strings.Contains(id, "/") {
				f.ID = fmt.Sprintf("%s %d", id, f.Bytes)
			}
			got = append(got, f.ID)
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, text, c.want)
		}
	}
	if b := Brief(all, 100); b[len(b)-1].Title != "2 findings of waste of less than 100 B each" || b[len(b)-1].Versions != 2 {
		t.Errorf("%+v", b[len(b)-1])
	}
	if !slices.Equal(idsOf(Brief(all, 0)), idsOf(all)) {
		t.Error("without a floor, the order differs")
	}
}

func idsOf(findings []Finding) []string {
	var ids []string
	for i := range findings {
		ids = append(ids, findings[i].ID)
	}
	return ids
}
