package cmd

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/fakeregistry"
)

// inImages is like inFolder, with the story as two images and with extra files.
func inImages(t *testing.T, files map[string]string) {
	t.Helper()
	inFolder(t, "docker-25", story)
	write(t, "job.tar", []byte(read(t, "app.tar")))
	for name, text := range files {
		write(t, name, []byte(text))
	}
}

// TestCheckSeveral checks several images: each form gives one document with a check of each
// image, and the exit codes combine.
func TestCheckSeveral(t *testing.T) {
	const off = "min-efficiency: off\nmax-user-wasted: off\nsecret: off\nuser: off\nhealthcheck: off\nsetuid: off\n"
	for _, c := range []struct {
		name, rules, args string
		code              int
		out, err          string // parts of the output
	}{
		{"both pass", off + "max-layers: 5", "app.tar job.tar", 0, "2 images: 2 passed", ""},
		{"one fails by its own limit", off + "max-layers: 5\nimages: [{name: job.tar, max-layers: 3}]", "app.tar job.tar", 1, "2 images: 1 failed, 1 passed", ""},
		{"a glob", off + "images: [{name: 'j*', max-layers: 3}]", "app.tar job.tar", 1, "2 images: 1 failed, 1 passed", ""},
		{"a flag overrides an entry", off + "images: [{name: 'j*', max-layers: 3}]", "app.tar job.tar --max-layers 9", 0, "2 images: 2 passed", ""},
		{"an entry's severity", off + "images: [{name: 'j*', max-layers: 3, severity: {max-layers: warn}}]", "app.tar job.tar", 0, "warn  max-layers", ""},
		{"those that are listed", off + "images: [{name: app.tar, max-layers: 5}, {name: job.tar, max-layers: 3}, {name: 'x*', max-layers: 1}]", "", 1, "2 images: 1 failed, 1 passed", ""},
		{"one that is listed", off + "images: [{name: app.tar, max-layers: 5}]", "", 0, "passed: 1 rule", ""},
		{"globs alone are listed", "images: [{name: '*.tar', max-layers: 5}]", "", 2, "", "the entries of images are globs"},
		{"nothing is listed", off, "", 2, "", "needs at least one image"},
		{"one cannot be loaded", off + "max-layers: 5", "app.tar none.tar job.tar", 3, "3 images: 2 passed, 1 cannot be loaded", "cannot open none.tar"},
		{"one cannot be loaded, another fails", off + "max-layers: 4", "none.tar app.tar", 1, "2 images: 1 failed, 1 cannot be loaded", "a rule failed, and cannot open none.tar"},
		{"a base with too many layers", off + "images: [{name: job.tar, base: 9}]", "app.tar job.tar", 2, "", "the image has 5 layers"},
		{"a baseline of an entry", off + "images: [{name: job.tar, baseline: app.tar, max-growth: 0}]", "app.tar job.tar", 0, "pass  max-growth", ""},
		{"a flag of growth, and baselines of entries", off + "images: [{name: job.tar, baseline: app.tar}, {name: app.tar, baseline: job.tar}]", "app.tar job.tar --max-growth 0", 0, "2 images: 2 passed", ""},
		{"a flag of growth, and a baseline of one entry", off + "images: [{name: job.tar, baseline: app.tar}]", "app.tar job.tar --max-growth 0", 2, "", "--max-growth: no baseline"},
		{"a severity of one entry's limit", off + "images: [{name: job.tar, max-layers: 3}]", "app.tar job.tar --warn max-layers", 0, "warn  max-layers", ""},
		{"a severity of a rule that no image sets", off + "images: [{name: job.tar, max-size: 1GB}]", "app.tar job.tar --warn max-layers", 2, "", "the rule is off"},
		{"one baseline for two", off, "app.tar job.tar --baseline app.tar", 2, "", "--baseline is one baseline"},
		{"two streams", off, "- -", 2, "", "only one image can come from standard input"},
		{"a wrong entry of an image that isn't checked", "images: [{name: other, severity: {max-layers: warn}}]", "app.tar", 2, "", ".peel.yaml:1: max-layers is warn, and the rule is off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inImages(t, map[string]string{peelFile: c.rules + "\n"})
			r := peel(append([]string{"check"}, strings.Fields(c.args)...)...)
			if r.code != c.code || !strings.Contains(r.out, c.out) || !strings.Contains(r.err, c.err) || c.err == "" && r.err != "" {
				t.Errorf("got exit code %d, want %d; standard output:\n%s\nstandard error:\n%s", r.code, c.code, r.out, r.err)
			}
		})
	}
}

// TestCheckUnloadedAndClosed checks that the check doesn't pass just because the reader of its
// output has gone.
func TestCheckUnloadedAndClosed(t *testing.T) {
	inImages(t, nil)
	var said bytes.Buffer
	if code := Main(strings.Fields("check app.tar none.tar --min-efficiency off --max-user-wasted off"), strings.NewReader(""), closed(), &said); code != 3 || !strings.Contains(said.String(), "none.tar") {
		t.Errorf("exit code %d, %s", code, said.String())
	}
}

// TestCheckSeveralForms checks that every form includes all images.
func TestCheckSeveralForms(t *testing.T) {
	inImages(t, nil)
	for _, form := range checkFormNames {
		r := peel("check", "app.tar", "none.tar", "job.tar", "-f", form)
		if r.code != 1 || !strings.Contains(r.err, "none.tar") {
			t.Errorf("%s: exit code %d, %s", form, r.code, r.err)
		}
		for _, name := range []string{"app.tar", "none.tar", "job.tar"} {
			if !strings.Contains(r.out, name) {
				t.Errorf("%s lacks %s:\n%s", form, name, r.out)
			}
		}
	}
	var doc struct {
		Images []struct {
			Key   string
			Check *struct{ Failed bool }
		}
	}
	if err := json.Unmarshal([]byte(peel("check", "app.tar", "none.tar", "job.tar", "-f", "json").out), &doc); err != nil || len(doc.Images) != 3 || doc.Images[1].Check != nil || !doc.Images[2].Check.Failed {
		t.Errorf("%v, %+v", err, doc)
	}
	// Two archives with the same name are two images. Checked alone, each goes by that name.
	one, two := peel("check", "app.tar", "-f", "gitlab").out, peel("check", "app.tar", "job.tar", "-f", "gitlab").out
	prints := regexp.MustCompile(`"fingerprint": "[0-9a-f]{64}"`)
	had := map[string]bool{}
	for _, p := range prints.FindAllString(two, -1) {
		if had[p] {
			t.Errorf("%s appears twice", p)
		}
		had[p] = true
	}
	if n := len(prints.FindAllString(one, -1)); n == 0 || len(had) != 2*n {
		t.Errorf("got %d fingerprints for one image, %d for two", n, len(had))
	}
}

func TestImageNames(t *testing.T) {
	for _, c := range []struct {
		name, image string
		want        bool
	}{
		{"app:1", "app:1", true},
		{"app:1", "docker://app:1", true},
		{"docker://app:1", "docker://app:1", true},
		{"podman://app:1", "docker://app:1", false},
		{"app", "app:9f3c", true},
		{"app", "registry.example/app:9f3c", false},
		{"registry.example/app", "registry.example/app@sha256:0b2f594f273eeedf2fcf7f6d1315e9140eabbcf2755ba6f3136e2d68887b35c2", true},
		{"registry.example/app:*", "registry.example/app:1", true},
		{"registry.example/app:*", "registry.example/job:1", false},
		{"registry.example/*", "registry.example/app:1", true},
		{"registry.example/*", "registry.example/team/app:1", false},
		{"registry.example/**", "registry.example/team/app:1", true},
		{"*", "", false},
		{"app:2", "app:1", false},
	} {
		if got := names(c.name, c.image); got != c.want {
			t.Errorf("%q means %q: %t, want %t", c.name, c.image, got, c.want)
		}
	}
}

// TestWaive checks that waived findings don't fail the check and are listed separately with the
// reason. An expired waiver fails the check, and an unused one is reported.
func TestWaive(t *testing.T) {
	const rules = "min-efficiency: off\nmax-user-wasted: off\nseverity: {secret: off, user: off, healthcheck: off, setuid: off}\nforbid: [model.bin, README]\n"
	form := schema(t, "check.schema.json")
	short := regexp.MustCompile(`f-[0-9a-f]{12}`)
	inImages(t, map[string]string{peelFile: rules})
	json := peel("check", "app.tar", "-f", "json").out
	if !strings.Contains(json, `"id": "forbid/model.bin/RUN make install"`) {
		t.Fatalf("the finding has another ID:\n%s", json)
	}
	for _, c := range []struct {
		name, waive string
		code        int
		out         string
	}{
		{"by id", "[{id: 'forbid/model.bin/RUN make install', reason: why}]", 1, "\nWaived\n  20.0 kB  forbid/model.bin/RUN make install\n           why\n"},
		{"all of a rule", "[{rule: forbid, path: /srv, reason: why}, {rule: forbid, path: '*EADME', reason: docs}]", 0, "passed: 1 rule waived, 0 failed\n"},
		{"the last possible day", "[{rule: forbid, path: /, reason: why, until: '9999-12-31'}]", 0, "until 9999-12-31: why"},
		{"another path", "[{rule: forbid, path: /etc, reason: why}]", 1, "note: the waiver of forbid at /etc (.peel.yaml:5) is not needed"},
		{"another image", "[{rule: forbid, path: /, image: job, reason: why}]", 1, "failed: 1 of 1 rule\n"},
		{"this image", "[{rule: forbid, path: /, image: 'app*', reason: why}]", 0, "1 rule waived, 0 failed"},
		{"expired", "[{rule: forbid, path: /, reason: why, until: '2020-01-31'}]", 1, "the waiver of forbid at / (.peel.yaml:5) counted until 2020-01-31:"},
		{"expired and unused", "[{id: gone, reason: why, until: '2020-01-31'}]", 1, "FAIL  waive"},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, peelFile, []byte(rules+"waive: "+c.waive+"\n"))
			r := peel("check", "app.tar")
			if r.code != c.code || !strings.Contains(r.out, c.out) || r.err != "" {
				t.Errorf("exit code %d, %s\n%s", r.code, r.err, r.out)
			}
			valid(t, form, peel("check", "app.tar", "-f", "json").out)
		})
	}
	// Any finding in the text can be waived by the ID shown there.
	write(t, peelFile, []byte("min-efficiency: off\nmax-user-wasted: off\nforbid: '/srv/app/{"+strings.Repeat("x", 60)+",model.bin}'\n"))
	out := peel("check", "app.tar").out
	id := short.FindString(out)
	if id == "" {
		t.Fatalf("no short ID in\n%s", out)
	}
	write(t, peelFile, []byte(read(t, peelFile)+"waive: [{id: "+id+", reason: why}]\n"))
	if r := peel("check", "app.tar"); !strings.Contains(r.out, "\nWaived\n") {
		t.Errorf("%s isn't accepted as an ID:\n%s", id, r.out)
	}
	// A rule whose only finding is its own is waived by its name.
	write(t, peelFile, []byte("max-layers: 3\nwaive: [{id: max-layers, reason: the base}, {id: min-efficiency, reason: x}, {id: max-user-wasted, reason: y}]\n"))
	if r := peel("check", "app.tar"); r.code != 0 || !strings.Contains(r.out, "more than 3 (waived: the base)") {
		t.Errorf("exit code %d\n%s", r.code, r.out)
	}
}

// TestBaselineIfPresent checks that with the flag, a baseline that doesn't exist yet isn't a
// failure, while a broken one is.
func TestBaselineIfPresent(t *testing.T) {
	inImages(t, map[string]string{"torn.json": `{"schema":"peel.report/v1","totals":{"layers":1,`, "torn.tar": "no archive"})
	args := func(baseline string) []string {
		return []string{"check", "app.tar", "--min-efficiency", "off", "--max-user-wasted", "off", "--max-growth", "0", "--offline", "--engine", "podman", "--baseline", baseline}
	}
	for _, c := range []struct {
		baseline  string
		code, lax int
	}{{"none.json", 3, 0}, {"none.tar", 3, 0}, {"torn.json", 3, 3}, {"torn.tar", 3, 3}, {"app.tar", 0, 0}} {
		strict, lax := peel(args(c.baseline)...), peel(append(args(c.baseline), "--baseline-if-present")...)
		if strict.code != c.code || lax.code != c.lax {
			t.Errorf("%s: got exit codes %d and %d, want %d and %d\n%s%s", c.baseline, strict.code, lax.code, c.code, c.lax, strict.err, lax.err)
		}
		if missing := strings.HasPrefix(c.baseline, "none"); missing != strings.Contains(strings.Join(strings.Fields(lax.out), " "), "note: no baseline "+c.baseline+" yet") {
			t.Errorf("%s: %s", c.baseline, lax.out)
		}
	}
	// If peel can't ask an engine or a registry, the baseline may exist, so the check fails. If
	// a registry answers that it doesn't exist, the check goes on without it.
	if r := peel(append(args("app:main"), "--baseline-if-present")...); r.code != 3 {
		t.Errorf("no engine or registry: got exit code %d\n%s%s", r.code, r.out, r.err)
	}
	noEngines(t)
	t.Setenv("PEEL_OFFLINE", "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	reg := fakeregistry.New(t)
	for _, name := range []string{"registry://" + reg.Host() + "/me/app:main", reg.Host() + "/me/app:main"} {
		if r := peel("check", "app.tar", "--min-efficiency", "off", "--max-user-wasted", "off", "--max-growth", "0", "--baseline", name, "--baseline-if-present"); r.code != 0 {
			t.Errorf("the registry lacks %s: got exit code %d\n%s%s", name, r.code, r.out, r.err)
		}
	}
	// A baseline that the rules file names may also be missing.
	write(t, peelFile, []byte("min-efficiency: off\nmax-user-wasted: off\nmax-growth: 0\nbaseline: none.json\n"))
	if strict, lax := peel("check", "app.tar"), peel("check", "app.tar", "--baseline-if-present"); strict.code != 3 || lax.code != 0 {
		t.Errorf("got exit codes %d and %d\n%s%s", strict.code, lax.code, strict.err, lax.err)
	}
}

// TestFoundDockerfile checks that the Dockerfile that an image was built from is found, that no
// other is mistaken for it, and that findings name its lines.
func TestFoundDockerfile(t *testing.T) {
	const mine = "FROM debian:12\nENV LANG=C.UTF-8\nRUN make install\nRUN chmod 600 /srv/app/model.bin\nCOPY . /srv/app\nRUN rm -rf /srv/app/model.bin /usr/share/doc\n"
	const other = "FROM node:22\nWORKDIR /srv\nCOPY . /srv/app\nRUN npm ci\nRUN rm -rf /srv/app/model.bin /usr/share/doc\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		args  string
		want  string // a line that findings name; "" for none
	}{
		{"found", map[string]string{"Dockerfile": mine}, "", "Dockerfile:4"},
		{"a Containerfile", map[string]string{"Containerfile": mine}, "", "Containerfile:4"},
		{"another image's, and a Containerfile", map[string]string{"Dockerfile": other, "Containerfile": mine}, "", "Containerfile:4"},
		{"another image's", map[string]string{"Dockerfile": other}, "", ""},
		{"changed much since", map[string]string{"Dockerfile": strings.Replace(mine, "make install", "cargo build --release", 1)}, "", ""},
		{"a step more", map[string]string{"Dockerfile": mine + "RUN useradd app\n"}, "", ""},
		{"no Dockerfile at all", map[string]string{"Dockerfile": "hello\n"}, "", ""},
		{"switched off", map[string]string{"Dockerfile": mine}, "--dockerfile none", ""},
		{"named", map[string]string{"Dockerfile": other, "build/app.Dockerfile": mine}, "--dockerfile build/app.Dockerfile", "build/app.Dockerfile:4"},
		{"a key", map[string]string{"conf/.peel.yaml": "dockerfile: ../build/app.Dockerfile\n", "build/app.Dockerfile": mine}, "--config conf/.peel.yaml", "build/app.Dockerfile:4"},
		{"a Dockerfile for one image", map[string]string{peelFile: "dockerfile: other\nimages: [{name: app.tar, dockerfile: mine}]\n", "mine": mine, "other": other}, "", "mine:4"},
		{"a key that switches off", map[string]string{peelFile: "dockerfile: none\n", "Dockerfile": mine}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inImages(t, c.files)
			r := peel(append([]string{"check", "app.tar"}, strings.Fields(c.args)...)...)
			if r.code != 1 || c.want != "" && !strings.Contains(r.out, c.want+")") || c.want == "" && strings.Contains(r.out, "file:") && regexp.MustCompile(`[Ff]ile:\d`).MatchString(r.out) {
				t.Errorf("exit code %d, %s\n%s", r.code, r.err, r.out)
			}
		})
	}
	inImages(t, map[string]string{"named": other, "broken": "hello\n"})
	if r := peel("check", "app.tar", "--dockerfile", "broken"); r.code != 2 {
		t.Errorf("a named file that isn't a Dockerfile: got exit code %d", r.code)
	}
	// A Dockerfile named for several images applies to those it fits.
	write(t, "mine", []byte(mine))
	if out := peel("check", "app.tar", "job.tar", "--dockerfile", "mine").out; !strings.Contains(out, "mine:4") {
		t.Errorf("it fits, but no line is named:\n%s", out)
	}
	if out := peel("check", "app.tar", "job.tar", "--dockerfile", "named").out; strings.Contains(out, "named:") {
		t.Errorf("it doesn't fit, but lines are named:\n%s", out)
	}
}

// TestAllPlatforms checks that every platform counts as an image, in every form of the image:
// those that exist, in the order listed, and nothing that isn't an image.
func TestAllPlatforms(t *testing.T) {
	const fixture = `
-- image app:1 linux/amd64 --
-- layer --
file a 10
-- image app:1 linux/arm64 --
-- layer --
file b 20
-- image app:1 linux/arm/v7 --
-- layer --
file c 30
`
	for _, shape := range []string{"oci-tar", "oci-tar-zstd"} {
		t.Run(shape, func(t *testing.T) {
			inFolder(t, shape, fixture)
			r := peel("check", "app.tar", "--platform", "all", "--max-size", "25")
			if r.code != 1 || !strings.Contains(r.out, "3 images: 1 failed, 2 passed") {
				t.Errorf("exit code %d, %s\n%s", r.code, r.err, r.out)
			}
			for _, form := range checkFormNames {
				out := peel("check", "app.tar", "--platform", "all", "--max-size", "5", "-f", form).out
				for _, p := range []string{"app.tar linux/amd64", "app.tar linux/arm64", "app.tar linux/arm/v7"} {
					if !strings.Contains(out, p) {
						t.Errorf("%s lacks %q:\n%s", form, p, out)
					}
				}
			}
			if r := peel("check", "app.tar", "--platform", "linux/arm64", "--max-size", "25"); r.code != 0 || strings.Contains(r.out, "images:") {
				t.Errorf("one platform: got exit code %d\n%s", r.code, r.out)
			}
		})
	}
	inFolder(t, "docker-25", story)
	if r := peel("check", "app.tar", "--platform", "all", "--min-efficiency", "off", "--max-user-wasted", "off"); r.code != 0 || strings.Contains(r.out, "images:") {
		t.Errorf("an image for one platform: got exit code %d, %s\n%s", r.code, r.err, r.out)
	}
	for args, code := range map[string]int{"check - --platform all": 2, "check none.tar --platform all": 3, "check none.tar app.tar --platform all": 1, "report app.tar --platform all": 2} {
		if r := peel(strings.Fields(args)...); r.code != code {
			t.Errorf("peel %s: got exit code %d, want %d: %s", args, r.code, code, r.err)
		}
	}
}
