package report

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/peelhq/peel/analyze"
	"github.com/peelhq/peel/source"
)

// configRow is the part of an image's config that concerns a container engine. It omits values of
// variables and hides what looks like a secret.
type configRow struct {
	User        *quoted  `json:"user"`
	WorkingDir  *quoted  `json:"workingDir"`
	Entrypoint  []quoted `json:"entrypoint"`
	Command     []quoted `json:"command"`
	Env         []quoted `json:"env"`
	Labels      labelRow `json:"labels"`
	Ports       []quoted `json:"ports"`
	Volumes     []quoted `json:"volumes"`
	StopSignal  *quoted  `json:"stopSignal"`
	Healthcheck []quoted `json:"healthcheck"`
	Author      *quoted  `json:"author"`
}

// newConfigRow returns nil for something without a config, such as a folder.
func newConfigRow(im *source.Image) *configRow {
	if !analyze.HasConfig(im) {
		return nil
	}
	c := &im.Config
	return &configRow{
		User: known(c.User), WorkingDir: known(c.WorkingDir), Entrypoint: commandRow(c.Entrypoint), Command: commandRow(c.Cmd),
		Env: variableNames(c.Env), Labels: newLabelRow(c.Labels), Ports: quotedAll(c.ExposedPorts), Volumes: quotedAll(c.Volumes),
		StopSignal: known(c.StopSignal), Healthcheck: commandRow(c.Healthcheck), Author: known(c.Author),
	}
}

// commandRow is a command as words. It hides a word after a flag with a secret-like name.
func commandRow(words []string) []quoted {
	row := make([]quoted, len(words))
	flag := ""
	for i, word := range words {
		row[i] = quoted(analyze.HideSecrets(flag, word))
		flag = ""
		if name := strings.TrimLeft(word, "-"); name != word {
			flag = name
		}
	}
	return row
}

// variableNames are the names of environment variables, each once.
func variableNames(env []string) []quoted {
	names := make([]quoted, 0, len(env))
	had := map[string]bool{}
	for _, text := range env {
		name, _, _ := strings.Cut(text, "=")
		if !had[name] {
			had[name] = true
			names = append(names, quoted(name))
		}
	}
	return names
}

// labelRow are labels, as one object.
type labelRow map[string]string

func newLabelRow(labels map[string]string) labelRow {
	row := make(labelRow, len(labels))
	for name, value := range labels {
		row[name] = analyze.HideSecrets(name, value)
	}
	return row
}

// MarshalJSON writes the labels by name, both as quoted text.
func (l labelRow) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(l)) {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := quoted(name).MarshalJSON()
		if err != nil {
			return nil, err
		}
		value, err := quoted(l[name]).MarshalJSON()
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
