package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/internal/fakeregistry"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// contents returns all objects of a store.
func contents(t testing.TB, s source.Objects) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range objects(t, s, "") {
		b, err := ReadObject(t.Context(), s, name, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(b)
	}
	return all
}

// sameObjects compares two stores.
func sameObjects(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, text := range want {
		if there, ok := got[name]; !ok || there != text {
			t.Errorf("%s: exists %v, got %d bytes, want %d", name, ok, len(there), len(text))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s shouldn't exist", name)
		}
	}
}

// breakingStore fails some puts, before or after it creates the object.
type breakingStore struct {
	source.Objects
	fails func(n int64) error // for the n-th put, from 1; nil for success
	after bool
	n     atomic.Int64
}

func (b *breakingStore) Put(ctx context.Context, name string, r io.ReadSeeker, size int64) (bool, error) {
	err := b.fails(b.n.Add(1))
	if err != nil && !b.after {
		return false, err
	}
	made, failed := b.Objects.Put(ctx, name, r, size)
	return made, errors.Join(failed, err)
}

// smallFleet returns a plan of some images in a registry, and the content of a store after all
// steps.
func smallFleet(t *testing.T) (*Plan, map[string]string) {
	t.Helper()
	r := fakeregistry.New(t)
	pushFixtures(t, r, 12)
	p := plan(t, Choice{}, "registry://"+r.Host()+"/", "../testdata/sample.tar")
	s := openTestStore(t)
	shards(t, Index, p, s, 1)
	shards(t, Analyze, p, s, 1)
	return p, contents(t, s)
}

// TestAgain makes shards fail in many ways and runs them again. In the end the store must have
// the same content as without failures: nothing lost, and nothing twice.
func TestAgain(t *testing.T) {
	testkit.Long(t, "a fleet is indexed a dozen times")
	p, want := smallFleet(t)
	t.Run("two at once", func(t *testing.T) {
		s := openTestStore(t)
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				if _, err := Index(t.Context(), p, s, ShardOptions{Shard: Shard{0, 1}, Open: fleetOptions(t)}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for range 3 {
			group.Go(func() {
				if _, err := Analyze(t.Context(), p, s, ShardOptions{Shard: Shard{0, 1}}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		sameObjects(t, contents(t, s), want)
	})
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("some puts fail, after it is there: %v", after), func(t *testing.T) {
			s := openTestStore(t)
			b := &breakingStore{Objects: s, after: after, fails: func(n int64) error {
				if n%11 == 3 {
					return errors.New("the connection was reset")
				}
				return nil
			}}
			untilDone(t, func() error {
				_, err := Index(t.Context(), p, b, ShardOptions{Shard: Shard{0, 1}, Open: fleetOptions(t)})
				return err
			})
			untilDone(t, func() error {
				_, err := Analyze(t.Context(), p, b, ShardOptions{Shard: Shard{0, 1}})
				return err
			})
			sameObjects(t, contents(t, s), want)
		})
	}
	t.Run("each put of a part fails once", func(t *testing.T) {
		for failing := int64(1); failing <= 6; failing++ {
			s := openTestStore(t)
			shards(t, Index, p, s, 1)
			b := &breakingStore{Objects: s, fails: func(n int64) error {
				if n == failing {
					return errors.New("the connection was reset")
				}
				return nil
			}}
			untilDone(t, func() error {
				_, err := Analyze(t.Context(), p, b, ShardOptions{Shard: Shard{0, 1}})
				return err
			})
			sameObjects(t, contents(t, s), want)
		}
	})
	t.Run("ended anywhere", func(t *testing.T) {
		s := openTestStore(t)
		for stop := int64(1); ; stop += 4 {
			ctx, cancel := context.WithCancel(t.Context())
			b := &breakingStore{Objects: s, fails: func(n int64) error {
				if n >= stop {
					cancel()
					return ctx.Err()
				}
				return nil
			}}
			_, err := Index(ctx, p, b, ShardOptions{Shard: Shard{0, 1}, Open: fleetOptions(t)})
			if err == nil {
				_, err = Analyze(ctx, p, b, ShardOptions{Shard: Shard{0, 1}})
			}
			cancel()
			if err == nil {
				break
			}
		}
		sameObjects(t, contents(t, s), want)
	})
	t.Run("credentials have expired", func(t *testing.T) {
		s := openTestStore(t)
		b := &breakingStore{Objects: s, fails: func(n int64) error {
			if n > 5 {
				return fmt.Errorf("%w: ExpiredToken", source.ErrRefused)
			}
			return nil
		}}
		if _, err := Index(t.Context(), p, b, ShardOptions{Shard: Shard{0, 1}, Open: fleetOptions(t)}); !errors.Is(err, source.ErrRefused) {
			t.Error(err)
		}
		shards(t, Index, p, s, 2)
		shards(t, Analyze, p, s, 2)
		sameObjects(t, contents(t, s), want)
	})
}

// untilDone runs a step until nothing is left to do.
func untilDone(t *testing.T, step func() error) {
	t.Helper()
	for range 200 {
		err := step()
		if err == nil {
			return
		}
		if errors.Is(err, source.ErrRefused) || errors.Is(err, ErrDenied) {
			t.Fatal(err)
		}
	}
	t.Fatal("the step never finishes")
}

// TestBrokenLayers checks that a broken or absent layer gets a row with the reason, that
// failures that may pass are left for another run, and that credential errors end the shard.
func TestBrokenLayers(t *testing.T) {
	testkit.Long(t, "it waits before it asks a registry again")
	r := fakeregistry.New(t)
	repos := pushFixtures(t, r, 6)
	p := plan(t, Choice{}, "registry://"+r.Host()+"/")
	blobs := func(fault func(w http.ResponseWriter)) fakeregistry.Fault {
		return func(w http.ResponseWriter, req *http.Request, _ int) bool {
			if !strings.Contains(req.URL.Path, "/"+repos[0]+"/blobs/") || strings.HasSuffix(req.URL.Path, configOf(t, p, repos[0])) {
				return false
			}
			fault(w)
			return true
		}
	}
	for _, test := range []struct {
		name  string
		fault func(w http.ResponseWriter)
		row   string // in the error of the image's row; "" if the shard fails
		err   error
	}{
		{"absent", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, "", nil},
		{"other bytes", func(w http.ResponseWriter) { _, _ = w.Write([]byte("other bytes")) }, "bytes", nil},
		{"busy", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, "", ErrLeft},
		{"no login", func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) }, "", ErrDenied},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openTestStore(t)
			r.Break(blobs(test.fault))
			tally, err := Index(t.Context(), p, s, ShardOptions{Shard: Shard{0, 1}, Open: fleetOptions(t)})
			r.Break()
			if test.err != nil {
				if !errors.Is(err, test.err) {
					t.Errorf("%v, want %v", err, test.err)
				}
				untilDone(t, func() error {
					_, err := Index(t.Context(), p, s, ShardOptions{Shard: Shard{0, 1}, Open: fleetOptions(t)})
					return err
				})
				shards(t, Analyze, p, s, 1)
				checkTables(t, p, s)
				return
			}
			if err != nil || tally.Failed == 0 {
				t.Fatal(tally, err)
			}
			shards(t, Analyze, p, s, 1)
			failed := 0
			for _, l := range readAll[LayerRow](t, s, TablePrefix(LayersTable, p.ID)) {
				if l.Error != nil {
					failed++
				}
			}
			if failed != tally.Failed {
				t.Errorf("got %d layers with a reason, want %d", failed, tally.Failed)
			}
			for _, im := range readAll[ImageRow](t, s, TablePrefix(ImagesTable, p.ID)) {
				broken := strings.HasSuffix(im.Repository, "/"+repos[0])
				switch {
				case broken && test.row != "" && (im.Error == nil || !strings.Contains(*im.Error, test.row)):
					t.Errorf("%s: %v", im.Reference, im.Error)
				case broken && test.row == "" && (im.Error != nil || *im.UnreadableLayers == 0):
					t.Errorf("%s: %v, %v", im.Reference, im.Error, im.UnreadableLayers)
				}
			}
			// The registry works again.
			if _, err := Index(t.Context(), p, s, ShardOptions{Shard: Shard{0, 1}, Open: fleetOptions(t), Retry: true}); err != nil {
				t.Error(err)
			}
			for _, im := range images(t, p) {
				if _, err := AnalyzeStored(t.Context(), s, &im, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// configOf returns the digest of the config of a repository's image.
func configOf(t *testing.T, p *Plan, repo string) string {
	t.Helper()
	for _, im := range images(t, p) {
		if strings.HasSuffix(im.Repository, "/"+repo) {
			return im.ID
		}
	}
	t.Fatal("no such image")
	return ""
}

// TestPlanResumes checks that an interrupted plan resumes from what it has.
func TestPlanResumes(t *testing.T) {
	r := fakeregistry.New(t)
	pushFixtures(t, r, 8)
	file := filepath.Join(t.TempDir(), "plan")
	opts := PlanOptions{Sources: []string{"registry://" + r.Host() + "/"}, Open: fleetOptions(t), Now: time.Unix(1_800_000_000, 0), Concurrency: 1}
	ctx, cancel := context.WithCancel(t.Context())
	opts.Progress = func(done, _ int) {
		if done == 3 {
			cancel()
		}
	}
	if _, err := MakePlan(ctx, file, opts); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("wrote half of a plan")
	}
	part, err := os.ReadFile(file + ".part")
	if err != nil {
		t.Fatal(err)
	}
	// Simulate a process killed in the middle of a line.
	if err := os.WriteFile(file+".part", append(part, []byte(`{"ask":"registry://x`)...), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Forget()
	opts.Progress, opts.Now = nil, time.Unix(1_700_000_000, 0) // the clock jumped
	if _, err := MakePlan(t.Context(), file, opts); err != nil {
		t.Fatal(err)
	}
	manifests := 0
	for _, asked := range r.Asked() {
		if strings.HasPrefix(asked, "GET ") && strings.Contains(asked, "/manifests/") {
			manifests++
		}
	}
	if known := bytes.Count(part, []byte(`"ask"`)); known < 2 || manifests != 8-known {
		t.Errorf("%d images were known, then %d manifests were fetched", known, manifests)
	}
	resumed, other := openPlan(t, file), plan(t, Choice{}, opts.Sources...)
	if resumed.ID != other.ID {
		t.Errorf("got plan %s, in one run %s", resumed.ID, other.ID)
	}
	if _, err := os.Stat(file + ".part"); err == nil {
		t.Error("temporary data is left behind")
	}
	opts.Choice.Tags = "other*"
	if err := os.WriteFile(file+".part", part, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := MakePlan(t.Context(), file, opts); err == nil || !strings.Contains(err.Error(), "another plan") {
		t.Error(err)
	}
}

// TestPlanChoice checks that a plan selects tags by pattern, by number and by time.
func TestPlanChoice(t *testing.T) {
	r := fakeregistry.New(t)
	for i, tag := range []string{"v1", "v2", "v3", "test"} {
		f, err := testkit.Parse(fmt.Sprintf("-- image app:%s linux/amd64 --\n-- layer --\nfile a %d\n", tag, i+1))
		if err != nil {
			t.Fatal(err)
		}
		r.Push(t, testkit.ShapeNamed("oci-dir").Write(t, f), "app", tag)
	}
	repo := "registry://" + r.Host() + "/app/"
	for _, test := range []struct {
		choice Choice
		want   int64
	}{
		{Choice{}, 4}, {Choice{Tags: "v*"}, 3}, {Choice{Newest: 2}, 2}, {Choice{Tags: "v*", Newest: 1}, 1},
		{Choice{Since: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}, 0}, {Choice{Platform: AllPlatforms}, 4},
	} {
		if p := plan(t, test.choice, repo); p.End.Images != test.want || p.End.Unreadable != 0 {
			t.Errorf("%+v: %+v, want %d", test.choice, p.End, test.want)
		}
	}
	if p := plan(t, Choice{}, repo, "registry://"+r.Host()+"/none/", "registry://"+r.Host()+"/app:none", filepath.Join(t.TempDir(), "x.tar")); p.End.Images != 7 || p.End.Unreadable != 3 {
		t.Errorf("%+v", p.End)
	}
}

// TestHostilePlans checks that a plan, which can come from anywhere, is rejected if it is
// inconsistent.
func TestHostilePlans(t *testing.T) {
	hex := strings.Repeat("a", 64)
	head := `{"type":"plan","version":1,"made":"2026-01-01T00:00:00Z","sources":["x"],"choice":{}}`
	image := `{"type":"image","image":0,"reference":"registry://r/a@sha256:` + hex + `","name":"a","layers":["sha256:` + hex + `"]}`
	layer := `{"type":"layer","layer":"sha256:` + hex + `","bytes":5,"images":1,"first":0,"from":"registry://r/a","index":0}`
	end := `{"type":"end","images":1,"unreadable":0,"layers":1,"bytes":5}`
	for name, lines := range map[string][]string{
		"":                     {head, image, layer, end},
		"empty":                {},
		"no head":              {image, layer, end},
		"no end":               {head, image, layer},
		"more behind the end":  {head, image, layer, end, end},
		"two heads":            {head, head, image, layer, end},
		"another version":      {strings.Replace(head, `"version":1`, `"version":2`, 1), image, layer, end},
		"layers before images": {head, layer, image, end},
		"counts":               {head, image, layer, strings.Replace(end, `"bytes":5`, `"bytes":6`, 1)},
		"a path for a digest":  {head, image, strings.Replace(layer, `"sha256:`+hex, `"../../../etc/passwd`, 1), end},
		"a path in a digest":   {head, strings.Replace(image, `["sha256:`+hex, `["sha256:../`+hex[3:], 1), layer, end},
		"capital digits":       {head, image, strings.Replace(layer, hex, strings.ToUpper(hex), 1), end},
		"another algorithm":    {head, image, strings.Replace(layer, "sha256:"+hex, "md5:"+hex[:32], 1), end},
		"a negative size":      {head, image, strings.Replace(layer, `"bytes":5`, `"bytes":-5`, 1), end},
		"a huge size":          {head, image, strings.Replace(layer, `"bytes":5`, `"bytes":9223372036854775807`, 1), end},
		"a huge number":        {head, image, strings.Replace(layer, `"bytes":5`, `"bytes":1e400`, 1), end},
		"a layer twice":        {head, image, layer, layer, end},
		"a first that is none": {head, image, strings.Replace(layer, `"first":0`, `"first":1`, 1), end},
		"an index":             {head, image, strings.Replace(layer, `"index":0`, `"index":-1`, 1), end},
		"from nowhere":         {head, image, strings.Replace(layer, `"from":"registry://r/a"`, `"from":""`, 1), end},
		"standard input":       {head, strings.Replace(image, `"registry://r/a@sha256:`+hex+`"`, `"-"`, 1), layer, end},
		"image out of order":   {head, strings.Replace(image, `"image":0`, `"image":1`, 1), layer, end},
		"not JSON":             {head, image, `{"type":"layer",`, end},
		"unknown":              {head, image, `{"type":"other"}`, layer, end},
		"a long line":          {head, strings.Replace(image, `"name":"a"`, `"name":"`+strings.Repeat("a", longestLine)+`"`, 1), layer, end},
	} {
		file := filepath.Join(t.TempDir(), "plan")
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := OpenPlan(t.Context(), file)
		if err == nil {
			_ = p.Close()
		}
		if (name == "") != (err == nil) || err != nil && !errors.Is(err, ErrPlan) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// layerObject returns a layer object of the sample, and the layer.
func layerObject(t testing.TB) (string, []byte) {
	t.Helper()
	im, err := source.Open(t.Context(), "../testdata/sample.tar", scanOptions(""))
	if err == nil {
		t.Cleanup(func() { _ = im.Close() })
		err = im.Scan(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	m := LayerMeta{Layer: im.Layers[0].Digest, Bytes: 1}
	for _, c := range analyze.Collectors() {
		m.Collectors = append(m.Collectors, c.Name)
	}
	if err := im.Layers[0].Widen(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := encodeLayer(t.Context(), im.Layers[0], m)
	if err != nil {
		t.Fatal(err)
	}
	return m.Layer, b
}

// inMemory is a store of one object.
type inMemory struct {
	source.Objects
	b []byte
}

type memoryObject struct{ *bytes.Reader }

func (o memoryObject) Close() error { return nil }
func (o memoryObject) Size() int64  { return o.Reader.Size() }

func (s inMemory) Open(context.Context, string) (source.Object, error) {
	return memoryObject{bytes.NewReader(s.b)}, nil
}

// TestHostileObjects checks that reading any bytes as a layer object takes little memory and
// time, and never gives data that no scan could produce.
func TestHostileObjects(t *testing.T) {
	key, good := layerObject(t)
	r := rand.New(rand.NewPCG(7, 8))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	refused := 0
	rounds := testkit.Size(3000, 400)
	for i := range rounds {
		b := bytes.Clone(good)
		switch i % 4 {
		case 0:
			for range 1 + r.IntN(4) {
				b[r.IntN(len(b))] = byte(r.Uint32())
			}
		case 1: // in the footer, which has sizes
			b[len(b)-9-r.IntN(3000)] ^= 1 << r.IntN(8)
		case 2:
			b = b[:r.IntN(len(b))]
		case 3: // page headers
			at := r.IntN(len(b) - 200)
			copy(b[at:], []byte{0x15, 0, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f})
		}
		if x, err := ReadLayer(t.Context(), inMemory{b: b}, key, testMemory); err != nil {
			refused++
		} else if int64(x.Entries.Len()) != x.LayerMeta.Entries {
			t.Fatal("the number of entries differs")
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / uint64(rounds); each > 16<<20 || refused < rounds/2 {
		t.Errorf("%d MiB for each of %d, %d refused", each>>20, rounds, refused)
	}
}

// FuzzLayerObject reads any bytes as a layer object.
func FuzzLayerObject(f *testing.F) {
	key, good := layerObject(f)
	f.Add(good)
	f.Add(good[len(good)/2:])
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := ReadLayer(t.Context(), inMemory{b: b}, key, 1<<20)
		if err == nil && int64(x.Entries.Len()) != x.LayerMeta.Entries {
			t.Fatal("the number of entries differs")
		}
	})
}

// TestShare checks that shards are balanced by bytes and that every unit belongs to exactly one
// shard.
func TestShare(t *testing.T) {
	p, _ := smallFleet(t)
	for _, of := range []int{1, 2, 3, 7, 100} {
		seen := map[string]int{}
		for i := range of {
			mine, err := p.share(t.Context(), Shard{i, of})
			if err != nil {
				t.Fatal(err)
			}
			for key := range mine {
				seen[key]++
			}
		}
		for key, n := range seen {
			if n != 1 {
				t.Errorf("of %d: %q belongs to %d shards", of, key, n)
			}
		}
		if len(seen) < 10 {
			t.Errorf("of %d: %d units", of, len(seen))
		}
	}
}
