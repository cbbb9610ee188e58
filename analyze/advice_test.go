package analyze_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/analyze/dockerfile"
	"github.com/peelhq/peel/internal/testkit"
	"github.com/peelhq/peel/source"
)

// TestAdviceSums checks that every wasted byte is in exactly one finding of waste and that no
// two findings share an ID.
func TestAdviceSums(t *testing.T) {
	for _, f := range testkit.Fixtures(t, "../testdata") {
		t.Run(f.Name, func(t *testing.T) {
			path := f.Shapes()[0].Write(t, f)
			for _, im := range f.Images {
				if im.Absent == "" {
					ref, platform := f.Ref(path, im)
					checkAdvice(t, run(t, ref, source.Options{Platform: platform}))
				}
			}
		})
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	for seed := range uint64(cases(300, 5000)) {
		d := testkit.Throw(seed)
		archive := testkit.ShapeNamed("docker-20").Archive(&testkit.Fixture{Images: []*testkit.Image{d.Image()}})
		if err := os.WriteFile(path, archive, 0o600); err != nil {
			t.Fatal(err)
		}
		if checkAdvice(t, run(t, path, source.Options{})); t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func checkAdvice(t *testing.T, a *analyze.Analysis) {
	t.Helper()
	var wasted int64
	versions := 0
	seen := map[string]bool{}
	for _, f := range advised(t, a, analyze.AdviceOptions{}) {
		if f.Rule == analyze.RuleWaste {
			wasted += f.Bytes
			versions += f.Versions
		}
		if seen[f.ID] {
			t.Errorf("two findings %q", f.ID)
		}
		seen[f.ID] = true
		if f.Title == "" || f.Message == "" || f.Advice == "" || f.Bytes <= 0 || f.Layer < 0 || f.Path == "/" {
			t.Errorf("finding with missing fields: %+v", f)
		}
	}
	if wasted != a.Totals.Wasted || versions != a.Waste.Len() {
		t.Errorf("findings cover %d bytes in %d versions, but %d bytes in %d versions are wasted", wasted, versions, a.Totals.Wasted, a.Waste.Len())
	}
	checkFloors(t, a)
}

// checkFloors checks the findings of waste, and their short form for people, against the wasted
// bytes at several floors.
func checkFloors(t *testing.T, a *analyze.Analysis) {
	t.Helper()
	for _, floor := range []string{"", "off", "0", "1", "1000", "1GB"} {
		r := analyze.NoRules()
		if floor != "" {
			if err := r.Say(analyze.SettingNamed("min-finding"), floor); err != nil {
				t.Fatal(err)
			}
		}
		o, err := analyze.Check(context.Background(), a, r, analyze.CheckOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for form, found := range map[string][]analyze.Finding{"all": o.Findings, "brief": analyze.Brief(o.Findings, o.Floor)} {
			var bytes int64
			versions := 0
			for _, f := range found {
				if f.Rule == analyze.RuleWaste {
					bytes += f.Bytes
					versions += f.Versions
				}
				if small := f.Rule == analyze.RuleWaste && f.Bytes < o.Floor; form == "all" && f.BelowFloor != small {
					t.Errorf("floor %q: BelowFloor is %v: %+v", floor, f.BelowFloor, f)
				}
			}
			if bytes != a.Totals.Wasted || versions != a.Waste.Len() {
				t.Errorf("floor %q, %s: findings cover %d bytes in %d versions, but %d bytes in %d versions are wasted", floor, form, bytes, versions, a.Totals.Wasted, a.Waste.Len())
			}
		}
	}
}

// adviceOn analyses the image that the fixture text describes, in one shape, and returns its
// findings.
func adviceOn(t *testing.T, text, shape string, opts analyze.AdviceOptions) []analyze.Finding {
	t.Helper()
	f, err := testkit.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	ref, platform := f.Ref(testkit.ShapeNamed(shape).Write(t, f), f.Images[0])
	return advised(t, run(t, ref, source.Options{Platform: platform}), opts)
}

// told formats findings for a golden file.
func told(findings []analyze.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s %s\n  %s. layer %d, %d bytes, %d versions, path %q\n  %s\n  %s\n",
			f.Severity, f.ID, f.Title, f.Layer, f.Bytes, f.Versions, f.Path, f.Message, f.Advice)
		if l := f.Line; l != nil {
			fmt.Fprintf(&b, "  %s:%d-%d sure %v\n", l.File, l.First, l.Last, l.Sure)
		}
	}
	return b.String()
}

// TestAdvice checks the advice for an image with one fault of every kind. The findings are the
// same in every form of the image.
func TestAdvice(t *testing.T) {
	for _, name := range []string{"faults", "base", "unknown-steps"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", "advice-"+name+".image"))
			if err != nil {
				t.Fatal(err)
			}
			got := told(adviceOn(t, string(text), "docker-20", analyze.AdviceOptions{}))
			testkit.Golden(t, filepath.Join("testdata", "advice-"+name+".golden"), got, *update)
			if other := told(adviceOn(t, string(text), "containerd", analyze.AdviceOptions{})); other != got {
				t.Errorf("with compressed layers, got\n%s\nwith plain layers, got\n%s", other, got)
			}
		})
	}
}

// TestAdviceSample checks that the sample has the faults that the README and docs show.
func TestAdviceSample(t *testing.T) {
	got := told(advised(t, run(t, "../testdata/sample.tar", source.Options{}), analyze.AdviceOptions{}))
	testkit.Golden(t, filepath.Join("testdata", "advice-sample.golden"), got, *update)
}

// TestAdviceIgnores checks that no finding includes ignored paths.
func TestAdviceIgnores(t *testing.T) {
	text := `-- image fixture:1 linux/amd64 --
step "FROM scratch"
step "RUN /bin/sh -c make"
step "RUN /bin/sh -c rm -rf /keep /lose /keep.pem"
-- layer --
file f 1
-- layer --
file keep/a 10
file lose/b 20
file keep.pem 30
-- layer --
file .wh.keep
file .wh.lose
file .wh.keep.pem
`
	a, err := analyzed(t, text, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o, err := analyze.Check(t.Context(), a, analyze.Told(t, "ignore /keep*"), analyze.CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := o.Findings
	if len(got) != 1 || got[0].Bytes != 20 || got[0].Path != "/lose/b" {
		t.Errorf("%+v", got)
	}
}

// TestAdviceIDs checks that IDs stay the same in the next build, even with one more layer in
// front, other sizes and other checksums from the builder.
func TestAdviceIDs(t *testing.T) {
	build := func(sum string, size int, more string) string {
		text := "-- image fixture:1 linux/amd64 --\nstep \"FROM scratch\"\n"
		layers := "-- layer --\nfile base 1\n"
		if more != "" {
			text += "step \"" + more + "\"\n"
			layers += "-- layer --\nfile more 5\n"
		}
		sum = strings.Repeat(sum, 64)
		return text + fmt.Sprintf(`step "/bin/sh -c #(nop) COPY dir:%s in /app/ "
step "/bin/sh -c #(nop) COPY file:%s in /app/ "
step "/bin/sh -c rm /app/b"
step "/bin/sh -c rm /app/b"
%s-- layer --
file app/a %d
file app/b 8
-- layer --
file app/a %d seed=x
-- layer --
file app/.wh.b
file app/c %d
-- layer --
file app/.wh.c
`, sum, sum, layers, size, size, size)
	}
	ids := func(text string) string {
		var out []string
		for _, f := range adviceOn(t, text, "docker-20", analyze.AdviceOptions{}) {
			out = append(out, f.ID)
		}
		return strings.Join(out, "\n")
	}
	want := "waste/overwritten/COPY file: in /app/\nwaste/removed/RUN rm /app/b#2\nwaste/removed/RUN rm /app/b"
	for _, text := range []string{build("a", 10, ""), build("b", 20, "RUN something")} {
		if got := ids(text); got != want {
			t.Errorf("IDs:\n%s\nwant:\n%s", got, want)
		}
	}
}

// TestAdviceLines checks that provenance names the line for sure, even in a Dockerfile that you
// give, if that file was the one built. Otherwise peel compares the texts.
func TestAdviceLines(t *testing.T) {
	const text = `-- image fixture:1 linux/amd64 --
step "RUN /bin/sh -c make # buildkit"
step "RUN /bin/sh -c chmod 600 f # buildkit"
-- layer --
file f 100
-- layer --
file f 100 mode=0600
`
	parse := func(name, text string) *dockerfile.File {
		d, err := dockerfile.Parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	other := parse("./b/Dockerfile", "FROM x\nENV A=b\nRUN make\n\nRUN chmod 600 f \\\n  \n")
	for _, c := range []struct {
		name, shape string
		dockerfile  *dockerfile.File
		want        *dockerfile.Line
	}{
		{"nothing", "oci-tar", nil, nil},
		{"a Dockerfile", "oci-tar", other, &dockerfile.Line{File: "./b/Dockerfile", First: 5, Last: 5, Sure: true}},
		{"another Dockerfile", "oci-tar", parse("D", "FROM x\nRUN echo\n"), nil},
		{"provenance", "oci-attested", nil, &dockerfile.Line{File: "Dockerfile", First: 3, Last: 3, Sure: true}},
		{"provenance, and the Dockerfile changed since", "oci-attested", other, &dockerfile.Line{File: "./b/Dockerfile", First: 5, Last: 5, Sure: true}},
		{"provenance, and its Dockerfile", "oci-attested", parse("C", "FROM scratch\n"), &dockerfile.Line{File: "C", First: 3, Last: 3, Sure: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := adviceOn(t, text, c.shape, analyze.AdviceOptions{Dockerfile: c.dockerfile})
			if len(found) != 1 {
				t.Fatalf("%d findings", len(found))
			}
			if got := found[0].Line; fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("line %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestSecrets checks which files count as secrets when a step deletes them. Certificates,
// examples and programs' own files don't.
func TestSecrets(t *testing.T) {
	for name, secret := range map[string]bool{
		"root/.ssh/id_rsa": true, "home/app/.ssh/id_ed25519": true, "srv/.env": true, "srv/.env.production": true, "srv/.env.example": false,
		"root/.npmrc": true, "usr/lib/node_modules/npm/.npmrc": false, "root/.aws/credentials": true, "srv/credentials": false,
		"root/.docker/config.json": true, "srv/config.json": false, "srv/tls.key": true, "srv/server.pem": true, "srv/keystore.jks": true,
		"etc/ssl/certs/ca.pem": false, "srv/ca-cert.pem": false, "srv/fullchain.pem": false, "tmp/nodesource-repo.gpg.key": false,
		"usr/share/x/private.key": false, "app/node_modules/tls/test.key": false, "srv/test/key.pem": false, "usr/lib/python3/dist-packages/x.pem": false,
		"etc/ssl/private/snakeoil.key": false, "etc/ssl/private/server.key": true, "etc/pki/tls/private/localhost.key": true,
		"etc/pki/ca-trust/x.pem": false, "usr/src/app/.env": true, "usr/local/lib/x.key": false, "srv/spec/x.key": false, "srv/deploy_key": true, "etc/ssh/ssh_host_rsa_key": true, "srv/monkey": false, "srv/.key": false,
		"srv/id_rsa.pub": false,
	} {
		text := "-- image fixture:1 linux/amd64 --\n-- layer --\nfile base 1\n-- layer --\nfile " + name + " 10\n-- layer --\nfile " +
			filepath.Join(filepath.Dir(name), ".wh."+filepath.Base(name)) + "\n"
		got := false
		for _, f := range adviceOn(t, text, "docker-20", analyze.AdviceOptions{}) {
			got = got || f.Rule == analyze.RuleSecret
		}
		if got != secret {
			t.Errorf("%s: a secret %v, want %v", name, got, secret)
		}
	}
}

// TestSecretInSeveralLayers checks that a finding names each layer that carries the file.
// Between two removals it's one secret; a file that shows again is another.
func TestSecretInSeveralLayers(t *testing.T) {
	const layers = `-- image fixture:1 linux/amd64 --
-- layer --
file base 1
-- layer --
file .env 10
-- layer --
file .env 10 uid=1
-- layer --
file .wh..env
-- layer --
file .env 7
`
	secret := func(text string) []analyze.Finding {
		var out []analyze.Finding
		for _, f := range adviceOn(t, text, "docker-20", analyze.AdviceOptions{}) {
			if f.Rule == analyze.RuleSecret {
				out = append(out, f)
			}
		}
		return out
	}
	if got := secret(layers); len(got) != 2 || got[1].Message != "/.env is named like a secret: it shows in the image, readable in layer 4." || got[1].ID != "secret/visible/.env/layer 4" {
		t.Errorf("file that shows again: %+v", got)
	}
	got := secret(layers + "-- layer --\nfile .wh..env\n")
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []string{
		"/.env is named like a secret: removed in layer 3, still readable in layers 1 and 2.",
		"/.env is named like a secret: removed in layer 5, still readable in layer 4.",
	} {
		if got[i].Message != want || got[i].Bytes != []int64{20, 7}[i] || got[i].Layer != []int{1, 4}[i] {
			t.Errorf("%+v", got[i])
		}
	}
}

// TestAdvicePlainly compares the data behind findings with a brute-force computation on random
// images.
func TestAdvicePlainly(t *testing.T) {
	for seed := range uint64(cases(300, 20_000)) {
		a := randomImage(t, seed)
		if d := analyze.PlainAdvice(a); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

// TestAdviceAtMost checks that when a rule has more findings than allowed, the smallest are
// merged into one, and no byte is lost.
func TestAdviceAtMost(t *testing.T) {
	a := run(t, "../testdata/sample.tar", source.Options{})
	all := advised(t, a, analyze.AdviceOptions{})
	for most := range 5 {
		bytes, versions, rules, least := int64(0), 0, map[string]int{}, 0
		for _, f := range analyze.AdviseAtMost(a, most) {
			rules[f.Rule]++
			if strings.HasSuffix(f.ID, "/more") {
				least++
			}
			if f.Rule == analyze.RuleWaste {
				bytes += f.Bytes
				versions += f.Versions
			}
		}
		if bytes != a.Totals.Wasted || versions != a.Waste.Len() {
			t.Errorf("at most %d: findings cover %d bytes in %d versions, but %d bytes in %d versions are wasted", most, bytes, versions, a.Totals.Wasted, a.Waste.Len())
		}
		for rule, n := range rules {
			if n > most+1 {
				t.Errorf("at most %d: got %d findings of rule %s", most, n, rule)
			}
		}
		if least == 0 {
			t.Errorf("at most %d of %d: no finding for the ones left out", most, len(all))
		}
	}
}

// advised calls Advise with a context that doesn't end.
func advised(t testing.TB, a *analyze.Analysis, opts analyze.AdviceOptions) []analyze.Finding {
	t.Helper()
	found, err := analyze.Advise(context.Background(), a, opts)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
