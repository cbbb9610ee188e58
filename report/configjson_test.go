package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/peelhq/peel/source"
)

// TestConfigJSON checks that the JSON report contains the config, but no values of variables
// and nothing that looks like a secret.
func TestConfigJSON(t *testing.T) {
	a := analysis(t, "-- image app:1 linux/amd64 --\n-- layer --\nfile a 5\n")
	im := *a.Image
	const secret = "Zx8kQ2vLp0RtY7wNq3Bd"
	im.Config = source.Config{
		User: "app", WorkingDir: "/srv", Entrypoint: []string{"/bin/run", "--password", secret, "--port", "80"}, Cmd: []string{"serve"},
		Env: []string{"PATH=/bin", "API_TOKEN=" + secret, "PATH=/usr/bin", "BARE"}, ExposedPorts: []string{"80/tcp"}, Volumes: []string{"/data"},
		Labels: map[string]string{"b": "2", "a": "1\u202e", "api.token": secret}, StopSignal: "SIGTERM", Author: "somebody", Healthcheck: []string{"CMD", "true"},
	}
	a.Image = &im
	var b bytes.Buffer
	if err := JSON(&b, a, advised(t, a)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), secret) {
		t.Errorf("the report contains the secret:\n%s", b.String())
	}
	printable(t, b.String())
	valid(t, schemasOf(t)["report"], b.String())
	var doc struct {
		Config   json.RawMessage
		Findings []struct{ ID string }
	}
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Compact(&got, doc.Config); err != nil {
		t.Fatal(err)
	}
	want := `{"user":"app","workingDir":"/srv","entrypoint":["/bin/run","--password","(hidden)","--port","80"],"command":["serve"],"env":["PATH","API_TOKEN","BARE"],` +
		`"labels":{"a":"1\u202e","api.token":"(hidden)","b":"2"},"ports":["80/tcp"],"volumes":["/data"],"stopSignal":"SIGTERM","healthcheck":["CMD","true"],"author":"somebody"}`
	if got.String() != want {
		t.Errorf("got config\n%s\nwant\n%s", got.String(), want)
	}
	found := map[string]bool{}
	for _, f := range doc.Findings {
		found[f.ID] = true
	}
	if !found["secret/env/API_TOKEN"] {
		t.Errorf("got findings %v", found)
	}
}

// TestBaselineOfOlderReport checks that a report of an older peel, which has no findings and no
// config, gives the same baseline as a current one.
func TestBaselineOfOlderReport(t *testing.T) {
	a := analysisAt(t, "../testdata/sample.tar")
	findings := advised(t, a)
	if len(findings) == 0 {
		t.Fatal("the sample has no findings")
	}
	var b bytes.Buffer
	if err := JSON(&b, a, findings); err != nil {
		t.Fatal(err)
	}
	now, err := ReadBaseline(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"findings", "config", "base"} {
		if _, has := doc[key]; !has {
			t.Errorf("the report has no %s", key)
		}
		delete(doc, key)
	}
	older, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	then, err := ReadBaseline(bytes.NewReader(older))
	if err != nil {
		t.Fatal(err)
	}
	if now.Figures != then.Figures || len(now.Waste) != len(then.Waste) || len(now.Layers) != len(a.Layers) || now.Figures.Stored != a.Totals.Stored {
		t.Errorf("got baselines %+v and %+v", now.Figures, then.Figures)
	}
}
