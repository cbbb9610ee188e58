package cmd

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is in an image's files is in nothing that the check says, whatever its form, nor
// in what peel keeps; and of the build's steps it shows all but the secrets.
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
				t.Errorf("%s %s tells a secret:\n%s", form, more, all)
			}
			if more == "" && !strings.Contains(all, "/app/server.key") {
				t.Errorf("%s does not tell of the key:\n%s", form, all)
			}
			if more == "--error secret" && r.code != exitRule {
				t.Errorf("%s: exit code %d", form, r.code)
			}
		}
	}
	for _, form := range []string{"text", "json", "markdown", "html"} {
		if r := peel("report", "app.tar", "-f", form); strings.Contains(r.out+r.err, inFile) {
			t.Errorf("report -f %s tells what is in a file", form)
		} else if form == "html" && strings.Contains(r.out, inStep) {
			t.Error("report -f html tells the secret of a step")
		}
		if r := peel("diff", "app.tar", "--from", "0", "-f", form); r.code != 0 || strings.Contains(r.out+r.err, inFile) || form == "html" && strings.Contains(r.out, inStep) {
			t.Errorf("diff -f %s: exit code %d, or it tells a secret", form, r.code)
		}
	}
	must(t, "index", "app.tar", "-o", "app.index")
	if strings.Contains(read(t, "app.index"), inFile) {
		t.Error("an index has what is in a file")
	}
	kept := 0
	err := filepath.WalkDir(cache, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		kept++
		b, err := os.ReadFile(name)
		if bytes.Contains(b, []byte(inFile)) {
			t.Errorf("%s has what is in a file", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if kept == 0 {
		t.Error("nothing is kept: the cache was not looked into")
	}
}
