package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// config returns the config of the new image: the old config with the new layers' diffIDs and
// with the history of merged layers adjusted. All other fields, including unknown ones, stay the
// same. If nothing changes, the result is byte for byte the old config.
func (n *NewImage) config(ids []string) ([]byte, error) {
	fields, root, err := n.fields()
	if err != nil {
		return nil, err
	}
	old, err := parseConfig(n.Of.config)
	if n.Of.config != nil && err == nil && n.Squash == nil && n.Created == "" && slices.Equal(ids, old.RootFS.DiffIDs) {
		return n.Of.config, nil
	}
	if root["diff_ids"], err = json.Marshal(ids); err != nil {
		return nil, err
	}
	root["type"] = json.RawMessage(`"layers"`)
	if fields["rootfs"], err = json.Marshal(root); err != nil {
		return nil, err
	}
	if n.Created != "" {
		if fields["created"], err = json.Marshal(n.Created); err != nil {
			return nil, err
		}
	}
	if n.Squash != nil {
		var steps []map[string]json.RawMessage
		if h := fields["history"]; h != nil {
			if err := json.Unmarshal(h, &steps); err != nil {
				return nil, fmt.Errorf("reading the image's history: %w", err)
			}
		}
		if fields["history"], err = marshal(n.Squash.history(steps, len(n.Of.Layers), n.Created)); err != nil {
			return nil, err
		}
	}
	return marshal(fields)
}

// marshal is json.Marshal without HTML escaping.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// fields returns the fields of the config and of its rootfs. A root filesystem has no config and
// gets the minimum that engines require.
func (n *NewImage) fields() (fields, root map[string]json.RawMessage, err error) {
	if n.Of.config == nil {
		arch, _ := json.Marshal(runtime.GOARCH) // a plain word
		return map[string]json.RawMessage{
			"architecture": arch, "os": json.RawMessage(`"linux"`), "config": json.RawMessage(`{}`),
		}, map[string]json.RawMessage{}, nil
	}
	if err := json.Unmarshal(n.Of.config, &fields); err != nil {
		return nil, nil, fmt.Errorf("reading the image's config: %w", err)
	}
	if r := fields["rootfs"]; r != nil {
		if err := json.Unmarshal(r, &root); err != nil {
			return nil, nil, fmt.Errorf("reading the image's config: rootfs: %w", err)
		}
	}
	if root == nil {
		root = map[string]json.RawMessage{}
	}
	if fields == nil {
		fields = map[string]json.RawMessage{}
	}
	return fields, root, nil
}

// history returns the steps of the new image. Steps of merged layers become steps without a
// layer, and after the last of them comes a new step that made the merged layer. A history that
// does not reach the merged layers stays unchanged.
func (s *Squash) history(steps []map[string]json.RawMessage, layers int, created string) []map[string]json.RawMessage {
	made, last := 0, -1
	merged := 0
	for i, step := range steps {
		if step == nil { // null
			step = map[string]json.RawMessage{}
			steps[i] = step
		}
		if empty(step) {
			continue
		}
		if made >= s.From && made <= s.To {
			step["empty_layer"] = json.RawMessage("true")
			last = i
			merged++
		}
		made++
	}
	if merged == 0 && (made != s.From || made == 0 && s.To != layers-1) {
		return steps
	}
	if last < 0 {
		last = len(steps) - 1
	}
	by, _ := marshal(fmt.Sprintf("peel squash --layers %d..%d", s.From, s.To))
	comment, _ := marshal(fmt.Sprintf("merged layers %d to %d of %d; the steps that made them are those above without a layer", s.From, s.To, layers))
	step := map[string]json.RawMessage{"created_by": by, "comment": comment}
	if created != "" {
		step["created"], _ = marshal(created)
	} else if last >= 0 && steps[last]["created"] != nil {
		step["created"] = steps[last]["created"]
	}
	return slices.Insert(slices.Clone(steps), last+1, step)
}

// empty reports whether a step made no layer.
func empty(step map[string]json.RawMessage) bool {
	return strings.TrimSpace(string(step["empty_layer"])) == "true"
}
