package dockerfile

import "testing"

// TestOnPaths checks which commands can be limited to some paths.
func TestOnPaths(t *testing.T) {
	for run, want := range map[string]string{
		"chown -R app:app /app":                  "chown app:app /d /e",
		"chown app /app /srv/*":                  "chown app /d /e",
		"chgrp --recursive \"$GROUP\" .":         "chgrp \"$GROUP\" /d /e",
		"chown -R ${USER}:${USER} $HOME":         "chown ${USER}:${USER} /d /e",
		"chmod -R \\\n  u=rwX,go=rX /app":        "chmod u=rwX,go=rX /d /e",
		"chown -R app /app && true":              "",
		"chown -R app /app && chmod -R 755 /app": "",
		"chown -hR app /app":                     "",
		"chown -R --from=root app /app":          "",
		"chown --reference=/a -R /app /b":        "",
		"chown app":                              "",
		"chmod -R -x /app":                       "",
		"chown -R {a,b} /app":                    "",
		"chown -R app $(pwd)":                    "",
		"cd /app && chown -R app .":              "",
		"--network=none chown -R app /app":       "",
		`["chown", "-R", "app", "/app"]`:         "",
	} {
		d, err := Parse("Dockerfile", []byte("FROM debian\nRUN "+run+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := d.OnPaths(2, []string{"/d", "/e"})
		if got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v, want %q", run, got, ok, want)
		}
	}
}
