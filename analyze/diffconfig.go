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

// The parts, in the order in which they are listed.
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

// String returns the part's name as JSON has it: "env", "workingDir".
func (p ConfigPart) String() string { return configPartNames[p] }

// HiddenValue stands for what a config holds that looks like a secret.
const HiddenValue = "(hidden)"

// A ConfigChange is one thing that the configs of two images do not say alike. Text is
// raw, but for what looks like a secret: that is HiddenValue.
type ConfigChange struct {
	Part   ConfigPart
	Name   string // of a variable, a label, a port or a volume; "" of any other part
	Change Change // Added, Removed or Modified

	// What the configs say; "" where the part is not set. Commands are in the form of
	// a JSON array, as a Dockerfile has it. Ports and volumes have no value.
	Before, After string
}

// compareConfigs returns what two images do not say alike, by part and name. Something
// without a config, such as a folder, is not compared.
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

// HasConfig reports whether an image has a config: a folder, or a tar of a root
// filesystem, has none.
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

// variables are environment variables by name. As for a process, the last of a name
// counts.
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

// execForm writes a command as a Dockerfile has it in its exec form; "" if there is
// none.
func execForm(words []string) string {
	if len(words) == 0 {
		return ""
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(words) // strings can be encoded, and the builder takes all
	return strings.TrimSuffix(b.String(), "\n")
}

// HideSecrets returns the value of a name (a label, a variable, a flag; "" of none)
// with HiddenValue in place of what looks like a secret.
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
