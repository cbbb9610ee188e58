package engine

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/testkit"
)

// containersAPI answers like an engine with some containers.
type containersAPI struct {
	list  []map[string]any
	asked []string
}

func (c *containersAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/_ping" {
		w.Header().Set("Api-Version", "1.41")
		return
	}
	c.asked = append(c.asked, r.URL.RequestURI())
	w.Header().Set("Content-Type", "application/json")
	rest := strings.TrimPrefix(r.URL.Path, "/v1.41/containers/")
	id, what, _ := strings.Cut(rest, "/")
	if rest == "json" {
		_ = json.NewEncoder(w).Encode(c.list)
		return
	}
	i := slices.IndexFunc(c.list, func(x map[string]any) bool {
		return x["Id"] == id || slices.Contains(x["Names"].([]string), "/"+id)
	})
	if i < 0 {
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": "No such container: " + id})
		return
	}
	switch what {
	case "json":
		_ = json.NewEncoder(w).Encode(map[string]any{
			"Id": c.list[i]["Id"], "Name": "/" + ownName(c.list[i]["Names"].([]string)), "Image": "sha256:aa", "Path": "serve", "Args": []string{"-v"},
			"Created": "2024-05-06T07:08:09.5Z", "State": map[string]any{"Status": "running"}, "Config": map[string]any{"Image": "app:1"},
			"GraphDriver": map[string]any{"Name": "overlay2", "Data": map[string]string{"UpperDir": "/d/overlay2/x/diff", "LowerDir": "/d/overlay2/x-init/diff:/d/overlay2/l/diff"}},
			"HostConfig":  map[string]any{"Tmpfs": map[string]string{"/run": "", "/data": ""}},
			"Mounts":      []map[string]string{{"Type": "volume", "Name": "v", "Source": "/d/volumes/v", "Destination": "/data"}, {"Type": "bind", "Source": "/home", "Destination": "/a"}},
		})
	case "changes":
		_, _ = io.WriteString(w, c.list[i]["changes"].(string))
	case "archive":
		if r.URL.Query().Get("path") != "/etc" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"message":"Could not find the file"}`)
			return
		}
		w.Header().Set("X-Docker-Container-Path-Stat", "e30=")
		_, _ = io.WriteString(w, "the archive")
	case "export":
		_, _ = io.WriteString(w, "the export")
	}
}

func someContainers() *containersAPI {
	box := func(digit, changes string, names ...string) map[string]any {
		return map[string]any{
			"Id": strings.Repeat(digit, 64/len(digit)), "Names": names, "Image": "app:1", "ImageID": "sha256:aa", "Command": "serve -v",
			"Created": 1_700_000_000, "State": "exited", "SizeRw": 7, "changes": changes,
		}
	}
	return &containersAPI{list: []map[string]any{
		box("ab", `[{"Path":"/etc","Kind":0},{"Path":"/new","Kind":1},{"Path":"/old","Kind":2}]`, "/web"),
		box("ac", "null", "/web-2", "/web/alias"),
		box("1d", `[{"Path":"/a","Kind":9}]`, "/other/name", "/db"),
		box("2e", `[{"Path":"a","Kind":0}]`, "/"+"ab"),
	}}
}

// TestContainerByName finds containers by name, by ID, and by a prefix of either.
func TestContainerByName(t *testing.T) {
	tests := []struct {
		ref, want string // want is a name
		absent    bool
		err       []string
	}{
		{ref: "web", want: "web"},
		{ref: "web-2", want: "web-2"},
		{ref: "web-", want: "web-2"},
		{ref: "d", want: "db"},
		{ref: "1d1", want: "db"},
		{ref: strings.Repeat("ab", 32), want: "web"},
		{ref: "ab", want: "ab"},
		{ref: "aba", want: "web"},
		{ref: "we", err: []string{`"we" begins the name or ID of 2 containers: web (abababababab), web-2 (acacacacacac); use a longer beginning`}},
		{ref: "a", err: []string{`"a" begins the name or ID of 3 containers: ab (2e2e2e2e2e2e), web (abababababab), web-2 (acacacacacac)`}},
		{ref: "nope", absent: true, err: []string{"docker (unix://", "no such container: nope"}},
		{ref: "web/alias", absent: true, err: []string{"no such container: a container's name holds letters"}},
		{ref: "../images", absent: true, err: []string{"no such container"}},
		{ref: "", absent: true, err: []string{"no such container"}},
		{ref: "\x1b[2J", absent: true, err: []string{`no such container: \x1b[2J`}},
	}
	f := someContainers()
	e := connectTo(t, f)
	for _, tt := range tests {
		t.Run(tt.ref, func(t *testing.T) {
			c, err := e.Container(t.Context(), tt.ref)
			testkit.WantError(t, err, tt.err...)
			if c.Name != tt.want || errors.Is(err, ErrNoContainer) != tt.absent {
				t.Errorf("found %q, error %v", c.Name, err)
			}
		})
	}
}

// connectTo returns a connection to an engine that answers with h.
func connectTo(t *testing.T, h http.Handler) Engine {
	t.Helper()
	testkit.NoEngines(t)
	t.Setenv("DOCKER_HOST", "unix://"+testkit.UnixServer(t, h))
	e, err := Docker(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// TestContainers lists containers and inspects one.
func TestContainers(t *testing.T) {
	f := someContainers()
	e := connectTo(t, f)
	all, err := e.Containers(t.Context(), true)
	testkit.WantError(t, err)
	if len(all) != 4 || all[0].Name != "web" || all[0].Size != 7 || all[0].State != "exited" || all[0].Created.Year() != 2023 || all[2].Name != "db" {
		t.Errorf("listed %+v", all)
	}
	if all, err = e.Containers(t.Context(), false); err != nil || all[0].Size != -1 {
		t.Errorf("without sizes: got %+v, error %v", all[0], err)
	}
	if want := []string{"/v1.41/containers/json?all=1&size=1", "/v1.41/containers/json?all=1"}; !slices.Equal(f.asked, want) {
		t.Errorf("asked for %q", f.asked)
	}
	c, err := e.Container(t.Context(), "web")
	testkit.WantError(t, err)
	if c.Image != "app:1" || c.ImageID != "sha256:aa" || strings.Join(c.Command, " ") != "serve -v" || c.State != "running" || c.Created.Year() != 2024 ||
		c.Driver != "overlay2" || c.UpperDir != "/d/overlay2/x/diff" || !slices.Equal(c.LowerDirs, []string{"/d/overlay2/x-init/diff", "/d/overlay2/l/diff"}) {
		t.Errorf("described as %+v", c)
	}
	if want := []Mount{{"/a", "bind", "/home"}, {"/data", "volume", "v"}, {"/run", "tmpfs", ""}}; !slices.Equal(c.Mounts, want) {
		t.Errorf("mounts %+v", c.Mounts)
	}
}

// TestContainerStreams reads what an engine streams about a container's files.
func TestContainerStreams(t *testing.T) {
	f := someContainers()
	e := connectTo(t, f)
	ids := make([]string, len(f.list))
	for i := range f.list {
		ids[i] = f.list[i]["Id"].(string)
	}
	changes, err := e.Changes(t.Context(), ids[0])
	if want := []Change{{"/etc", Modified}, {"/new", Added}, {"/old", Deleted}}; err != nil || !slices.Equal(changes, want) {
		t.Errorf("changes %+v, error %v", changes, err)
	}
	if changes, err = e.Changes(t.Context(), ids[1]); err != nil || len(changes) != 0 {
		t.Errorf("got changes %+v for a container without any, error %v", changes, err)
	}
	for _, i := range []int{2, 3} {
		_, err = e.Changes(t.Context(), ids[i])
		testkit.WantError(t, err, "the engine's answer does not match its API: a change of kind")
	}
	nobody := strings.Repeat("0", 64)
	_, err = e.Changes(t.Context(), nobody)
	if testkit.WantError(t, err, "listing its changes: no such container: 000000000000"); !errors.Is(err, ErrNoContainer) {
		t.Errorf("error %v", err)
	}
	for what, open := range map[string]func() (io.ReadCloser, error){
		"the archive": func() (io.ReadCloser, error) { return e.Archive(t.Context(), ids[0], "/etc") },
		"the export":  func() (io.ReadCloser, error) { return e.Export(t.Context(), ids[0], 10) },
	} {
		r, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r); err != nil || string(b) != what || r.Close() != nil {
			t.Errorf("%s is %q, error %v", what, b, err)
		}
	}
	if _, err = e.Archive(t.Context(), ids[0], "/nope"); !errors.Is(err, ErrNoPath) {
		t.Errorf("error %v", err)
	}
	if _, err = e.Export(t.Context(), nobody, 10); !errors.Is(err, ErrNoContainer) {
		t.Errorf("error %v", err)
	}
}
