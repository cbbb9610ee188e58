package redact

import (
	"net/url"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"cannot read app.tar: no such file", "cannot read app.tar: no such file"},
		{"https://user:pw@host/x: refused", "https://...@host/x: refused"},
		{`parse "https://tok3n@host/x": no`, `parse "https://...@host/x": no`},
		{"https://user:p@ss@host:5000/x", "https://...@host:5000/x"},
		{"https://user:p/w@host/x", "https://...@host/x"},
		{"https://user:p?w@host/x", "https://...@host/x"},
		{"https://user:p#w@host/x", "https://...@host/x"},
		{`https://user:p"w@host/x`, "https://...@host/x"},
		{"https://user:p w o@host/x", "https://...@host/x"},
		{"https:/user:p w o@host/x", "https:...@host/x"},
		{"https://user:@host", "https://...@host"},
		{"ssh://me@build", "ssh://me@build"},
		{"ssh://me:pw@build", "ssh://...@build"},
		{"tcp://me@build:1", "tcp://...@build:1"},
		{"unix:///run/docker.sock", "unix:///run/docker.sock"},
		{"see https://host:5000/a/b and https://other/", "see https://host:5000/a/b and https://other/"},
		{"https://host:5000/app@sha256:0123456789abcdef", "https://host:5000/app@sha256:0123456789abcdef"},
		{"https://host/@scope/pkg", "https://host/@scope/pkg"},
		{"http://[::1]:80/a@b", "http://[::1]:80/a@b"},
		{"https://h/x?X-Amz-Signature=abc&y=1: gone", "https://h/x?...: gone"},
		{`"https://h/x?sig=abc": gone`, `"https://h/x?...": gone`},
		{"https:/h/x?sig=abc", "https:/h/x?..."},
		{"/v2/uploads/?_state=abc&a=b and /a?", "/v2/uploads/?... and /a?"},
		{"why? because", "why? because"},
		{"user:pw@host/x", "user:...@host/x"},
		{`no image "user:p@ss@host/x"`, `no image "user:...@host/x"`},
		{"user:p/w@host/x", "user:...@host/x"},
		{"https:/user:pw@host/x", "https:...@host/x"},
		{"DOCKER_HOST=user:pw@host", "DOCKER_HOST=user:...@host"},
		{"app:1.0@sha256:0123456789abcdef", "app:1.0@sha256:0123456789abcdef"},
		{"host:5000/app:1@sha256:0123456789abcdef", "host:5000/app:1@sha256:0123456789abcdef"},
		{"host:5000/@types/node", "host:5000/@types/node"},
		{"app.tar:@2 and me@example.org", "app.tar:@2 and me@example.org"},
		{`invalid port ":p" after host`, `invalid port "..." after host`},
		{"Authorization: Bearer abc123.def", "Authorization: Bearer ..."},
		{"Bearer abcdefghijkl", "Bearer ..."},
		{"basic authentication is needed", "basic authentication is needed"},
		{"eyJhbGciOiJIUzI1NiIsInR5.eyJzdWIiOiIx.SflKxwRJSMeKKF2Q", "..."},
		{"PASSWORD=abc TOKEN='a b' x=1", "PASSWORD=... TOKEN=... x=1"},
		{`line 3: registry_passwd = "a b"`, `line 3: registry_passwd = ...`},
		{`{"auth": "YTpi", "identitytoken":"x\"y","a":"b"}`, `{"auth": "...", "identitytoken":"...","a":"b"}`},
	} {
		if got := Text(c.in); got != c.want {
			t.Errorf("Text(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

// TestTextLong checks that no input can mislead or slow down Text.
func TestTextLong(t *testing.T) {
	size := 200_000
	if testing.Short() {
		size = 20_000
	}
	for _, piece := range []string{"a:", "@", "://", "a://b:", "?", "x=", `"token":"`, "bearer ", "a.b.", "user:p"} {
		s := strings.Repeat(piece, size/len(piece))
		if got := Text(s); len(got) > 2*len(s) {
			t.Errorf("%q: %d bytes of %d", piece, len(got), len(s))
		}
	}
}

func TestURL(t *testing.T) {
	u, err := url.Parse("https://user:pw@host:1/x?y=z#f")
	if err != nil {
		t.Fatal(err)
	}
	if got := URL(u); got != "https://host:1/x" || URL(nil) != "" {
		t.Error(got)
	}
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{"host": "host", "u:p@h:1": "...@h:1", "u:p@q@h": "...@h", "h?s=1": "h?..."} {
		if got := Address(in); got != want {
			t.Errorf("Address(%q) = %q, want %q", in, got, want)
		}
	}
}
