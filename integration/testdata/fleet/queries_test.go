// Package fleet runs the queries of docs/fleet in DuckDB on a store written by peel. It's a
// separate module because DuckDB comes with 50 MB of libraries.
package fleet

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
)

const root = "../../.."

// store makes a store of images with the program built from this tree.
func store(t *testing.T) (peel, dir, plan, before string) {
	t.Helper()
	dir = t.TempDir()
	peel = filepath.Join(dir, "peel")
	run(t, root, "go", "build", "-o", peel, ".")
	dir = filepath.Join(dir, "store")
	for i, sources := range [][]string{{"testdata/sample.tar"}, {"testdata/sample.tar", "oci-archive:testdata/sample.tar"}} {
		file := filepath.Join(t.TempDir(), fmt.Sprint("plan", i))
		run(t, root, peel, append([]string{"fleet", "plan", "-o", file}, sources...)...)
		run(t, root, peel, "fleet", "index", file, "--to", dir)
		run(t, root, peel, "fleet", "analyze", file, "--to", dir)
		before, plan = plan, idOf(t, dir, plan, before)
	}
	return peel, dir, plan, before
}

// idOf returns the plan in a store that isn't one of the others.
func idOf(t *testing.T, dir string, others ...string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "plans", "*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		id := strings.TrimSuffix(filepath.Base(f), ".ndjson")
		if id != others[0] && id != others[1] {
			return id
		}
	}
	t.Fatal("no plan")
	return ""
}

func run(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "DOCKER_HOST=unix:///nonexistent", "CONTAINER_HOST=unix:///nonexistent")
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, stderr.String())
	}
	return string(out)
}

// queries opens DuckDB with the views and variables of docs/fleet, and returns its queries by name.
func queries(t testing.TB, dir, plan, before, pattern, pkg string) (*sql.DB, map[string]string) {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1) // variables are a connection's
	for name, value := range map[string]string{"store": dir, "plan": plan, "before": before, "pattern": pattern, "package": pkg} {
		if _, err := db.ExecContext(t.Context(), fmt.Sprintf("SET VARIABLE %s = '%s'", name, strings.ReplaceAll(value, "'", "''"))); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "docs/fleet/*.sql"))
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	out := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(file)] = string(text)
	}
	if _, err := db.ExecContext(t.Context(), out["views.sql"]); err != nil {
		t.Fatal(err)
	}
	delete(out, "views.sql")
	return db, out
}

// made writes a made-up registry with packages, as it is on a day, and returns its plan.
func made(t testing.TB, dir string, images, day int, files bool) string {
	t.Helper()
	return strings.TrimSpace(run(t, root, "go", "run", "-tags", "dev", "./bench/fleet", "-packages", fmt.Sprint("-files=", files), "-images", fmt.Sprint(images), "-day", fmt.Sprint(day), dir))
}

// TestQueriesFind checks that every query has rows for a registry that grew.
func TestQueriesFind(t *testing.T) {
	dir := t.TempDir()
	before := made(t, dir, 6, 0, true)
	plan := made(t, dir, 9, 30, true)
	db, all := queries(t, dir, plan, before, "%.jar", "package-00")
	for name, query := range all {
		if count(t.Context(), t, db, query) == 0 {
			t.Errorf("%s finds nothing", name)
		}
	}
}

// BenchmarkQueries times the queries on a made-up registry of PEEL_FLEET_IMAGES images, 1,000
// otherwise. With PEEL_FLEET_FILES=no, it makes no tables of files, and leaves out the queries
// that read them: 100,000 images would have 40 GB.
func BenchmarkQueries(b *testing.B) {
	images := 1000
	if n := os.Getenv("PEEL_FLEET_IMAGES"); n != "" {
		if _, err := fmt.Sscan(n, &images); err != nil {
			b.Fatal(err)
		}
	}
	files := os.Getenv("PEEL_FLEET_FILES") != "no"
	dir := b.TempDir()
	before := made(b, dir, images/2, 0, files)
	plan := made(b, dir, images, 30, files)
	if !files { // DuckDB has no view of no file
		made(b, dir, 1, 0, true)
	}
	db, all := queries(b, dir, plan, before, "%/file-00007.jar", "package-00")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !files && strings.Contains(all[name], " files ") {
			continue
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				count(b.Context(), b, db, all[name])
			}
		})
	}
}

// TestQueries runs every query of docs/fleet, and holds figures against peel report.
func TestQueries(t *testing.T) {
	peel, dir, plan, before := store(t)
	db, all := queries(t, dir, plan, before, "%/passwd", "base-files")
	rows := map[string]int{}
	for name, query := range all {
		rows[name] = count(t.Context(), t, db, query)
	}
	for _, name := range []string{"waste.sql", "steps.sql", "bases.sql", "find.sql"} {
		if rows[name] == 0 {
			t.Errorf("%s finds nothing", name)
		}
	}
	var report struct {
		Totals   struct{ StoredBytes, WastedBytes, Entries int64 }
		Findings []struct{ Bytes int64 }
		Packages []struct{ StoredBytes int64 }
	}
	if err := json.Unmarshal([]byte(run(t, root, peel, "report", "testdata/sample.tar", "-f", "json")), &report); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int64{
		"SELECT stored_bytes FROM images WHERE image = 0":                                           report.Totals.StoredBytes,
		"SELECT wasted_bytes FROM images WHERE image = 0":                                           report.Totals.WastedBytes,
		"SELECT sum(wasted_bytes)::BIGINT FROM image_layers WHERE image = 0":                        report.Totals.WastedBytes,
		"SELECT count(*) FROM files f JOIN image_layers USING (layer) WHERE image = 0":              report.Totals.Entries,
		"SELECT sum(f.stored)::BIGINT FROM files f JOIN image_layers USING (layer) WHERE image = 0": report.Totals.StoredBytes,
		"SELECT count(*) FROM findings WHERE image = 0":                                             int64(len(report.Findings)),
		"SELECT count(*) FROM packages WHERE image = 0":                                             int64(len(report.Packages)),
		"SELECT count(*) FROM (SELECT layer, ordinal FROM files GROUP BY ALL HAVING count(*) > 1)":  0,
		"SELECT count(*) FROM layers WHERE error IS NOT NULL OR entries IS NULL":                    0,
		"SELECT count(*) FROM (SELECT path, lag(path) OVER (PARTITION BY filename ORDER BY file_row_number) AS p FROM read_parquet(getvariable('store') || '/layers/*/*.parquet', filename = true, file_row_number = true)) WHERE path < p": 0,
	} {
		var got int64
		if err := db.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %d, want %d: %v", query, got, want, err)
		}
	}
}

// count runs a query and returns its number of rows.
func count(ctx context.Context, t testing.TB, db *sql.DB, query string) (n int) {
	t.Helper()
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		t.Errorf("%s: %v", query, err)
		return 0
	}
	defer rows.Close()
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return n
}
