package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// TestNoSecretsOfImages checks that neither a check, in any form, nor the cache contains text
// from an image's files, and that build steps are shown without their secrets.
func TestNoSecretsOfImages(t *testing.T) {
	const inFile, inStep = "f1leS3cretMark9", "st3pS3cretMark7"
	pem := "-----BEGIN RSA PRIVATE" + " KEY-----\\n" + strings.Repeat(inFile+"Qw8ZxKvB", 8) + "\\n-----END RSA PRIVATE" + " KEY-----\\n"
	inFolder(t, "containerd", fmt.Sprintf(`-- image fixture:1 linux/amd64 --
step "FROM scratch"
step "COPY . /app"
step "RUN |1 NPM_TOKEN=%[2]s /bin/sh -c npm ci # buildkit"
step "RUN /bin/sh -c curl -H 'Authorization: Bearer %[2]s' https://me:%[2]s@h/x -o /big # buildkit"
step "RUN /bin/sh -c DB_PASSWORD=%[2]s rm /big /app/id_rsa # buildkit"
env "API_TOKEN=%[2]s"
-- layer --
file base 1
-- layer --
file app/.env "DB_PASSWORD=%[1]s\n"
file app/server.key "%[3]s"
file app/id_rsa "%[3]s"
file app/.netrc "machine h login me password %[1]s\n"
file app/.npmrc "//r/:_auth=%[1]s\n"
-- layer --
file app/.netrc "machine h login me password %[1]s2\n"
-- layer --
file big 200000
-- layer --
file .wh.big
file app/.wh.id_rsa
`, inFile, inStep, pem))
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	for _, form := range checkFormNames {
		for _, more := range []string{"", "--secret off", "-v", "--error secret"} {
			r := peel(append([]string{"check", "app.tar", "-f", form, "--base", "1"}, strings.Fields(more)...)...)
			all := r.out + r.err
			if strings.Contains(all, inFile) || strings.Contains(all, inStep) {
				t.Errorf("%s %s reveals a secret:\n%s", form, more, all)
			}
			if more == "" && !strings.Contains(all, "/app/server.key") {
				t.Errorf("%s doesn't mention the key:\n%s", form, all)
			}
			if more == "--error secret" && r.code != exitRule {
				t.Errorf("%s: exit code %d", form, r.code)
			}
		}
	}
	for _, form := range []string{"text", "json", "markdown", "html"} {
		if r := peel("report", "app.tar", "-f", form); r.code != 0 || strings.Contains(r.out+r.err, inFile) || strings.Contains(r.out+r.err, inStep) {
			t.Errorf("report -f %s: got exit code %d, or a secret", form, r.code)
		}
		if r := peel("diff", "app.tar", "--from", "0", "-f", form); r.code != 0 || strings.Contains(r.out+r.err, inFile) || strings.Contains(r.out+r.err, inStep) {
			t.Errorf("diff -f %s: got exit code %d, or a secret", form, r.code)
		}
	}
	must(t, "index", "app.tar", "-o", "app.index")
	if strings.Contains(read(t, "app.index"), inFile) {
		t.Error("an index contains text from a file")
	}
	kept := 0
	err := filepath.WalkDir(cache, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		kept++
		b, err := os.ReadFile(name)
		if bytes.Contains(b, []byte(inFile)) {
			t.Errorf("%s contains text from a file", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if kept == 0 {
		t.Error("the cache is empty, so the test proves nothing")
	}
}

// TestNoSecretsOfSteps checks that no report shows the secrets in build steps, and that layers
// still match those of a baseline: one that hides the secrets, one from an earlier peel that
// doesn't, and an image.
func TestNoSecretsOfSteps(t *testing.T) {
	const mark = "st3pS3cretMark7"
	token := "ghp" + "_" + "Zq7Rk2Wv9Lm4Xt8Bn3Cy6Hd1Jf5Gs0Pa2Eo4"
	image := func(size int) string {
		return fmt.Sprintf(`-- image fixture:1 linux/amd64 --
step "FROM scratch"
step "RUN |2 TOKEN=%[1]s DB_PASS=%[1]s two words /bin/sh -c make a # buildkit"
step "|1 API_TOKEN=%[1]s /bin/sh -c make b"
step "RUN /bin/sh -c curl -H 'Authorization: Bearer %[1]s' https://h/x -o /c # buildkit"
step "RUN /bin/sh -c git clone https://me:%[1]s@h/x /d # buildkit"
step "RUN /bin/sh -c git clone https://%[2]s@github.com/x /e && rm /a # buildkit"
step "RUN /bin/sh -c mysql -p%[1]s app < /c && rm /c # buildkit"
-- layer --
file base 1
-- layer --
file a %[3]d
-- layer --
file b %[3]d
-- layer --
file c %[3]d
-- layer --
file d %[3]d
-- layer --
file e %[3]d
file .wh.a
-- layer --
file f %[3]d
file .wh.c
`, mark, token, size)
	}
	inFolder(t, "containerd", image(200000))
	must(t, "report", "app.tar", "-f", "json", "-o", "masked.json")
	masked := read(t, "masked.json")
	raw := strings.NewReplacer("Bearer ...", "Bearer "+mark, "me:...@", "me:"+mark+"@", "mysql -p...", "mysql -p"+mark, "https://...@", "https://"+token+"@",
		"TOKEN=...", "TOKEN="+mark, "DB_PASS=...", "DB_PASS="+mark+" two words").Replace(masked)
	if n := strings.Count(raw, mark); n < 6 || !strings.Contains(raw, token) {
		t.Fatalf("the report hides %d secrets with \"...\":\n%s", n, masked)
	}
	write(t, "raw.json", []byte(raw))
	must(t, "index", "app.tar", "-o", "old.index")
	f, err := testkit.Parse(image(300000))
	if err != nil {
		t.Fatal(err)
	}
	write(t, "app.tar", testkit.ShapeNamed("containerd").Archive(f))
	var runs [][]string
	for _, form := range []string{"text", "json", "markdown", "html"} {
		runs = append(runs, []string{"report", "app.tar", "-f", form}, []string{"diff", "old.index", "app.tar", "-f", form})
	}
	for _, form := range checkFormNames {
		for _, baseline := range []string{"masked.json", "raw.json", "old.index"} {
			runs = append(runs, []string{"check", "app.tar", "-v", "--base", "1", "--baseline", baseline, "--max-growth", "1KB", "-f", form})
		}
	}
	for _, path := range []string{"/a", "/b", "/c", "/d", "/e"} {
		runs = append(runs, []string{"log", "app.tar", path})
	}
	for _, args := range runs {
		r := peel(args...)
		all := r.out + r.err
		if r.code > exitRule || all == "" {
			t.Errorf("%s: exit code %d: %s", args, r.code, all)
		}
		if strings.Contains(all, mark) || strings.Contains(all, token) {
			t.Errorf("%s reveals a secret:\n%s", args, all)
		}
		if args[0] != "check" || args[len(args)-1] != "json" {
			continue
		}
		var doc struct {
			Growth struct {
				Layers []struct {
					Before, After *int
					Step          string
				}
			}
		}
		if err := json.Unmarshal([]byte(r.out), &doc); err != nil || len(doc.Growth.Layers) != 7 {
			t.Fatalf("%s: %v: %+v", args, err, doc)
		}
		for _, l := range doc.Growth.Layers {
			if l.Before == nil || l.After == nil || l.Step == "" {
				t.Errorf("%s doesn't match a layer: %+v", args, l)
			}
		}
	}
}
