package analyze

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/peelhq/peel/source"
)

// A ConfigPart is a part of an image's config that Compare compares.
type ConfigPart uint8

// The parts in listed order.
const (
	ConfigPlatform ConfigPart = iota
	ConfigUser
	ConfigWorkingDir
	ConfigEntrypoint
	ConfigCommand
	ConfigEnv
	ConfigLabel
	ConfigPort
	ConfigVolume
	ConfigStopSignal
	ConfigHealthCheck
)

var configPartNames = [...]string{
	"platform", "user", "workingDir", "entrypoint", "command", "env", "label", "port", "volume", "stopSignal", "healthcheck",
}

// String returns the part's name as in JSON: "env", "workingDir".
func (p ConfigPart) String() string { return configPartNames[p] }

// HiddenValue replaces values in a config that look like secrets.
const HiddenValue = "(hidden)"

// A ConfigChange is one difference between the configs of two images. Its text is raw, except
// that HiddenValue replaces what looks like a secret.
type ConfigChange struct {
	Part   ConfigPart
	Name   string // of a variable, label, port or volume; "" for other parts
	Change Change // Added, Removed or Modified

	// The values; "" if the part is not set. Commands have the form of a JSON array, as in a
	// Dockerfile. Ports and volumes have no value.
	Before, After string
}

// compareConfigs returns the differences between two images' configs, by part and name. It skips
// images without a config, such as folders.
func compareConfigs(before, after *source.Image) []ConfigChange {
	if !HasConfig(before) || !HasConfig(after) {
		return nil
	}
	var out []ConfigChange
	x, y := &before.Config, &after.Config
	value := func(part ConfigPart, was, is string) {
		if was != is {
			out = append(out, newConfigChange(part, "", was, is, was != "", is != ""))
		}
	}
	named := func(part ConfigPart, was, is map[string]string) {
		names := slices.Collect(maps.Keys(was))
		for name := range is {
			if _, ok := was[name]; !ok {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			old, had := was[name]
			now, has := is[name]
			if had != has || old != now {
				out = append(out, newConfigChange(part, name, old, now, had, has))
			}
		}
	}
	value(ConfigPlatform, before.FullPlatform(), after.FullPlatform())
	value(ConfigUser, x.User, y.User)
	value(ConfigWorkingDir, x.WorkingDir, y.WorkingDir)
	value(ConfigEntrypoint, execForm(x.Entrypoint), execForm(y.Entrypoint))
	value(ConfigCommand, execForm(x.Cmd), execForm(y.Cmd))
	named(ConfigEnv, variables(x.Env), variables(y.Env))
	named(ConfigLabel, x.Labels, y.Labels)
	named(ConfigPort, nameSet(x.ExposedPorts), nameSet(y.ExposedPorts))
	named(ConfigVolume, nameSet(x.Volumes), nameSet(y.Volumes))
	value(ConfigStopSignal, x.StopSignal, y.StopSignal)
	value(ConfigHealthCheck, execForm(x.Healthcheck), execForm(y.Healthcheck))
	return out
}

// HasConfig reports whether an image has a config. A root filesystem (a folder or a tar) has
// none.
func HasConfig(im *source.Image) bool {
	return im.ID != "" || im.Platform != "" || len(im.History) > 0
}

func newConfigChange(part ConfigPart, name, was, is string, had, has bool) ConfigChange {
	c := ConfigChange{Part: part, Name: name, Change: Modified, Before: HideSecrets(name, was), After: HideSecrets(name, is)}
	switch {
	case !had:
		c.Change = Added
	case !has:
		c.Change = Removed
	}
	return c
}

// variables are environment variables by name. As for a process, the last value counts.
func variables(env []string) map[string]string {
	out := make(map[string]string, len(env))
	for _, text := range env {
		name, value, _ := strings.Cut(text, "=")
		out[name] = value
	}
	return out
}

func nameSet(names []string) map[string]string {
	out := make(map[string]string, len(names))
	for _, name := range names {
		out[name] = ""
	}
	return out
}

// execForm returns a command in the exec form of a Dockerfile, or "".
func execForm(words []string) string {
	if len(words) == 0 {
		return ""
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(words) // strings always encode, and the builder never fails
	return strings.TrimSuffix(b.String(), "\n")
}

// HideSecrets returns the value of a name (a label, variable or flag; "" for none), with
// HiddenValue in place of what looks like a secret.
func HideSecrets(name, value string) string {
	if claim := claimOf(name); (claim == claimsSecret || claim == claimsKey) && isLiteral(value, claim) {
		return HiddenValue
	}
	var b strings.Builder
	end := 0
	for _, s := range scanSecrets(value, shellForm) {
		if s.from < end {
			continue
		}
		b.WriteString(value[end:s.from])
		b.WriteString(HiddenValue)
		end = s.to
	}
	if end == 0 {
		return value
	}
	b.WriteString(value[end:])
	return b.String()
}
