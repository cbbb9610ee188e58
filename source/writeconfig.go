package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// config returns the config of the new image: that of the old one, with the new layers'
// diffIDs and what the history has to say of the merged ones. All other fields stay as
// they are, those that nobody knows too. If nothing changes, it is the old one's bytes.
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

// marshal is json.Marshal without escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// fields returns the config's fields, and those of its rootfs. An image that has none, a
// root filesystem, gets the least that engines want.
func (n *NewImage) fields() (fields, root map[string]json.RawMessage, err error) {
	if n.Of.config == nil {
		arch, _ := json.Marshal(runtime.GOARCH) // a word
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

// history returns the steps of the new image. Those of the merged layers stay, as steps
// that made no layer, and behind the last of them comes the one that made the merged
// layer, and says so. A history that does not reach up to the merged layers stays as it
// is.
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
