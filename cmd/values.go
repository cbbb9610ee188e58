package cmd

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/peelhq/peel/source"
)

// viaFlag is how an engine's image is read: "api", "store", or "" for either.
type viaFlag source.Via

var _ pflag.Value = (*viaFlag)(nil)

func (v *viaFlag) String() string { return string(*v) }

func (v *viaFlag) Set(s string) error {
	if s != string(source.ViaAPI) && s != string(source.ViaStore) {
		return errors.New(`give "api" or "store"`)
	}
	*v = viaFlag(s)
	return nil
}

func (v *viaFlag) Type() string { return "api|store" }

// engineFlag is the name of an engine, or "" for any.
type engineFlag string

var _ pflag.Value = (*engineFlag)(nil)

func (e *engineFlag) String() string { return string(*e) }

func (e *engineFlag) Set(s string) error {
	if !slices.Contains(source.Engines(), s) {
		return fmt.Errorf("unknown engine; use %s", strings.Join(source.Engines(), ", "))
	}
	*e = engineFlag(s)
	return nil
}

func (e *engineFlag) Type() string { return strings.Join(source.Engines(), "|") }
