package cmd

import (
	"errors"

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
