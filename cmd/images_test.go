package cmd

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/fakecontainerd"
	"github.com/peelhq/peel/source"
	"github.com/peelhq/peel/ui"
)

// hostileTag is a tag that no engine should return, but one might.
const hostileTag = "evil\x1b[2J\u202e:1"

// engineLists makes a Docker engine answer with a list of images, and disables podman.
func engineLists(t *testing.T, list any) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("engines on this system don't use sockets")
	}
	dir, err := os.MkdirTemp("", "peel") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "engine.sock")
	at, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/_ping":
			w.Header().Set("Api-Version", "1.41")
		case strings.HasSuffix(r.URL.Path, "/containers/json"):
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(someContainers)
		case strings.HasSuffix(r.URL.Path, "/images/json"):
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(list)
		default:
			http.NotFound(w, r)
		}
	})}
	go func() { _ = server.Serve(at) }()
	t.Cleanup(func() { _ = server.Close() })
	noEngine(t)
	fakecontainerd.New(t) // without images, since this machine's own containerd may have some
	t.Setenv("DOCKER_HOST", "unix://"+path)
}

// someContainers are that engine's containers.
var someContainers = []map[string]any{
	{"Id": strings.Repeat("0123456789abcdef", 4), "Names": []string{"/web"}, "Image": "app:1", "State": "running", "SizeRw": 4200, "Created": 1_700_000_000},
	{"Id": strings.Repeat("fedcba9876543210", 4), "Names": []string{"/db-1"}, "Image": hostileTag, "State": "exited", "SizeRw": 0, "Created": 1_600_000_000},
}

// TestContainersListed lists containers for people, as JSON, in the picker and as completions.
func TestContainersListed(t *testing.T) {
	s := schema(t, "images.schema.json") // before the working directory changes
	engineLists(t, []map[string]any{})
	t.Chdir(t.TempDir())
	r := peel("images", "--containers")
	if r.code != 0 || !strings.Contains(r.out, "NAME  IMAGE") || !strings.Contains(r.out, "web   app:1") || !strings.Contains(r.out, "4.20 kB") ||
		!strings.Contains(r.out, "container://docker/web\n") || strings.Contains(r.out, "\x1b") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	r = peel("images", "--containers", "--json")
	for line := range strings.Lines(r.out) {
		valid(t, s, line)
	}
	const first = `{"engine":"docker","file":null,"name":"web","id":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","size":4200,"created":"2023-11-14T22:13:20Z","layers":null,"platform":null,"container":true,"image":"app:1","state":"running","ref":"container://docker/web"}`
	if line, _, _ := strings.Cut(r.out, "\n"); line != first {
		t.Errorf("got line %s\nwant %s", line, first)
	}
	if r = peel("images"); strings.Contains(r.out, "web") {
		t.Errorf("images lists containers\n%s", r.out)
	}
	if r = peel("images", "--containers", "registry://example.org/app"); r.code != 2 || !strings.Contains(r.err, "a registry has no containers") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	for begun, want := range map[string]string{
		"container://":         "container://db-1 container://docker/db-1 container://docker/web container://web",
		"container://docker/w": "container://docker/web",
		"container://w":        "container://web",
		"container://podman/":  "",
		"we":                   "",
	} {
		r = peel("__complete", "report", begun)
		var got []string
		for line := range strings.Lines(r.out) {
			if line = strings.TrimSpace(line); line != "" && line[0] != ':' {
				got = append(got, line)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%q completes to %q, want %q", begun, got, want)
		}
	}
	c := candidate(&source.LocalImage{Ref: "container://docker/web", Engine: "docker", Name: "web", Container: true, State: "running", Image: "app:1", Size: 4200, Layers: -1})
	if c.Name != "web" || c.From != "docker container, running, of app:1" || c.Size != 4200 {
		t.Errorf("the picker shows %+v", c)
	}
}

// noEngine makes all engines unreachable.
func noEngine(t *testing.T) {
	t.Helper()
	t.Setenv("DOCKER_HOST", "unix:///no/docker.sock")
	t.Setenv("CONTAINER_HOST", "unix:///no/podman.sock")
	t.Setenv("CONTAINERD_ADDRESS", "/no/containerd.sock")
}

func someList() any {
	return []any{
		map[string]any{"Id": "sha256:aa", "RepoTags": []string{"old:1"}, "Created": 1600000000, "Size": 5000},
		map[string]any{"Id": "sha256:bb", "RepoTags": []string{"app:2", "app:latest"}, "Created": 1700000000, "Size": 1230000000},
		map[string]any{"Id": "sha256:0123456789abcdef", "RepoTags": nil, "Created": 1500000000},
		map[string]any{"Id": "sha256:cc", "RepoTags": []string{hostileTag}, "Created": -5, "Size": 1},
	}
}

func TestImages(t *testing.T) {
	s := schema(t, "images.schema.json")
	inFolder(t, "docker-25", story)
	engineLists(t, someList())
	r := peel("images")
	if r.code != 0 || !strings.HasPrefix(r.err, "peel: podman (unix:///no/podman.sock, CONTAINER_HOST): ") || strings.Count(r.err, "\n") != 1 {
		t.Errorf("got exit code %d, standard error %q", r.code, r.err)
	}
	var shown []string
	for line := range strings.Lines(r.out) {
		fields := strings.Fields(line)
		shown = append(shown, fields[0]+" "+fields[len(fields)-1])
	}
	want := []string{
		"NAME AS", "app:1 app.tar", "app:2 docker://app:2", "app:latest docker://app:latest", "old:1 docker://old:1",
		"- docker://sha256:0123456789abcdef", `evil\x1b[2J\u202e:1 docker://evil\x1b[2J\u202e:1`,
	}
	if !slices.Equal(shown, want) {
		t.Errorf("shown\n%s\nwant\n%s", strings.Join(shown, "\n"), strings.Join(want, "\n"))
	}

	r = peel("images", "--json")
	if r.code != 0 || strings.ContainsAny(r.out, "\x1b\u202e") {
		t.Errorf("got exit code %d, output %q", r.code, r.out)
	}
	var refs []string
	for line := range strings.Lines(r.out) {
		valid(t, s, line)
		var row struct{ Ref string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		refs = append(refs, row.Ref)
	}
	if !slices.Equal(refs, []string{"app.tar", "docker://app:2", "docker://app:latest", "docker://old:1", "docker://sha256:0123456789abcdef", "docker://" + hostileTag}) {
		t.Errorf("references %q", refs)
	}
	const second = `{"engine":"docker","file":null,"name":"app:2","id":"sha256:bb","size":1230000000,"created":"2023-11-14T22:13:20Z","layers":null,"platform":null,"container":false,"image":null,"state":null,"ref":"docker://app:2"}`
	if line := strings.Split(r.out, "\n")[1]; line != second {
		t.Errorf("got line %s\nwant %s", line, second)
	}
}

func TestImagesWithoutEngines(t *testing.T) {
	t.Chdir(t.TempDir())
	noEngine(t)
	r := peel("images")
	if r.code != 3 || r.out != "" || !strings.HasPrefix(r.err, "peel: no images to list: no engine answers") ||
		!strings.Contains(r.err, "\n  - docker (unix:///no/docker.sock, DOCKER_HOST): ") || !strings.Contains(r.err, "\n  - podman (") || !strings.Contains(r.err, "\n  - containerd (unix:///no/containerd.sock, CONTAINERD_ADDRESS): ") {
		t.Errorf("got exit code %d, output %q, standard error:\n%s", r.code, r.out, r.err)
	}
	inFolder(t, "docker-25", story) // a file is enough
	if r := peel("images"); r.code != 0 || !strings.Contains(r.out, "app.tar") {
		t.Errorf("got exit code %d, output %q", r.code, r.out)
	}
	t.Chdir(t.TempDir())
	engineLists(t, []any{}) // an engine without images is enough too
	if r := peel("images", "--json"); r.code != 0 || r.out != "" {
		t.Errorf("got exit code %d, output %q", r.code, r.out)
	}
}

func TestCompletesImages(t *testing.T) {
	inFolder(t, "docker-25", story)
	engineLists(t, someList())
	for begun, want := range map[string]string{
		"app":         "app.tar app:2 app:latest",
		"":            "app.tar app:2 app:latest old:1",
		"docker://ap": "docker://app:2 docker://app:latest",
		"nothing":     "",
	} {
		for _, command := range [][]string{{"report"}, {"ls"}, nil} {
			got := strings.Fields(peel(append(append([]string{"__completeNoDesc"}, command...), begun)...).out)
			if len(command) == 0 && begun == "" {
				continue // completion also offers commands
			}
			if n := len(got); n == 0 || strings.Join(got[:n-1], " ") != want || got[n-1] != ":0" {
				t.Errorf("%q completes %q to %q, want %q", command, begun, got, want)
			}
		}
	}
}

func TestCandidates(t *testing.T) {
	for _, c := range []struct {
		im   source.LocalImage
		want ui.Candidate
	}{
		{source.LocalImage{Ref: "docker://a:1", Engine: "docker", Name: "a:1"}, ui.Candidate{Ref: "docker://a:1", Name: "a:1", From: "docker"}},
		{source.LocalImage{Ref: "docker://sha256:0123456789abcdef", Engine: "docker", ID: "sha256:0123456789abcdef"}, ui.Candidate{Ref: "docker://sha256:0123456789abcdef", Name: "untagged 0123456789ab", From: "docker"}},
		{source.LocalImage{Ref: "docker://x", Engine: "docker", ID: "x"}, ui.Candidate{Ref: "docker://x", Name: "untagged x", From: "docker"}},
		{source.LocalImage{Ref: "a.tar:b:2", File: "a.tar", Name: "b:2"}, ui.Candidate{Ref: "a.tar:b:2", Name: "b:2", From: "a.tar"}},
		{source.LocalImage{Ref: "./dir:@1", File: "dir"}, ui.Candidate{Ref: "./dir:@1", Name: "dir:@1", From: "file"}},
	} {
		if got := candidate(&c.im); got != c.want {
			t.Errorf("%+v\nwant %+v", got, c.want)
		}
	}
}
