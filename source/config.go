package source

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// configFile is the part of an image's config that peel shows. It is parsed
// leniently, because builders often write the rest carelessly. Source: OCI
// image-spec, config.md.
type configFile struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant"`
	OSVersion    string `json:"os.version"`
	OSFeatures   words  `json:"os.features"`
	Created      string `json:"created"`
	Author       string `json:"author"`
	Config       struct {
		User         string              `json:"User"`
		WorkingDir   string              `json:"WorkingDir"`
		Entrypoint   words               `json:"Entrypoint"`
		Cmd          words               `json:"Cmd"`
		Env          []string            `json:"Env"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		Volumes      map[string]struct{} `json:"Volumes"`
		Labels       map[string]string   `json:"Labels"`
		StopSignal   string              `json:"StopSignal"`
		Healthcheck  healthTest          `json:"Healthcheck"`
	} `json:"config"`
	RootFS struct {
		DiffIDs diffIDList `json:"diff_ids"`
	} `json:"rootfs"`
	History stepList `json:"history"`

	text []byte // the whole config as stored
}

// configStep is one step of the history.
type configStep struct {
	Created    string `json:"created"`
	CreatedBy  string `json:"created_by"`
	Comment    string `json:"comment"`
	Author     string `json:"author"`
	EmptyLayer bool   `json:"empty_layer"`
}

// diffIDList and stepList are bounded lists.
type (
	diffIDList []string
	stepList   []configStep
)

// maxSteps is the maximum number of steps in an image's history.
const maxSteps = 100_000

func (l *diffIDList) UnmarshalJSON(b []byte) (err error) {
	*l, err = decodeList[string](b, maxLayers, "layers in an image")
	return err
}

func (l *stepList) UnmarshalJSON(b []byte) (err error) {
	*l, err = decodeList[configStep](b, maxSteps, "steps in an image's history")
	return err
}

// words is a list of strings; a single string is accepted too.
type words []string

func (w *words) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		if *w = nil; one != "" {
			*w = words{one}
		}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(w))
}

// healthTest is the test of a health check. Malformed tests are read as empty, because the
// specification doesn't define the field.
type healthTest []string

func (h *healthTest) UnmarshalJSON(b []byte) error {
	var check struct{ Test words }
	if json.Unmarshal(b, &check) == nil {
		*h = healthTest(check.Test)
	}
	return nil
}

func parseConfig(b []byte) (*configFile, error) {
	var c configFile
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("reading it as an image's config: %w", err)
	}
	c.text = b
	return &c, nil
}

func (c *configFile) platform() platform {
	return platform{c.OS, c.Architecture, c.Variant, c.OSVersion, joinFeatures(c.OSFeatures)}
}

// ofImage reports whether the document has any field that only an image config has. Malformed
// documents have none.
func (c *configFile) ofImage() bool {
	return c.RootFS.DiffIDs != nil || c.platform().known()
}

// describe fills in the fields of the image and its layers from the config. Layers may lack steps
// or diffIDs; surplus ones are ignored.
func (c *configFile) describe(im *Image) {
	im.config = c.text
	im.Created = parseTime(c.Created)
	im.Config = Config{
		User:         c.Config.User,
		WorkingDir:   c.Config.WorkingDir,
		Entrypoint:   c.Config.Entrypoint,
		Cmd:          c.Config.Cmd,
		Env:          c.Config.Env,
		ExposedPorts: sortedKeys(c.Config.ExposedPorts),
		Volumes:      sortedKeys(c.Config.Volumes),
		Labels:       c.Config.Labels,
		StopSignal:   c.Config.StopSignal,
		Healthcheck:  c.Config.Healthcheck,
		Author:       c.Author,
	}
	steps := 0
	for _, h := range c.History {
		step := Step{Command: h.CreatedBy, Comment: h.Comment, Author: h.Author, Created: parseTime(h.Created), Empty: h.EmptyLayer}
		im.History = append(im.History, step)
		if step.Empty {
			continue
		}
		if steps < len(im.Layers) {
			im.Layers[steps].Step = step
		}
		steps++
	}
	if steps > 0 && steps != len(im.Layers) {
		im.flaw("the history lists %d layers, but the image has %d", steps, len(im.Layers))
	}
	for i, id := range c.RootFS.DiffIDs[:min(len(c.RootFS.DiffIDs), len(im.Layers))] {
		im.Layers[i].DiffID = id
	}
	if n := len(c.RootFS.DiffIDs); n < len(im.Layers) {
		im.flaw("the config names %d layers, but the image has %d", n, len(im.Layers))
	}
}

// checkLayers returns an error if the config names layers that the manifest
// does not. Without them, the image would look better than it is. Docker 25.0
// wrote such archives (moby#47065).
func (c *configFile) checkLayers(listed int) error {
	if n := len(c.RootFS.DiffIDs); listed < n {
		return fmt.Errorf("the manifest lists %d layers, fewer than the %d that the config names: it is incomplete", listed, n)
	}
	return nil
}

// setPlatform records the image's platform if it is known.
func (im *Image) setPlatform(p platform) {
	if !p.known() {
		return
	}
	im.Platform, im.OSVersion = p.String(), p.version
	if p.features != "" {
		im.OSFeatures = strings.Split(p.features, "+")
	}
}

func (im *Image) flaw(format string, args ...any) {
	im.Flaws = append(im.Flaws, Flaw{Layer: -1, Problem: fmt.Sprintf(format, args...)})
}

// parseTime parses RFC 3339. It returns the zero time for anything else.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func sortedKeys(m map[string]struct{}) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
