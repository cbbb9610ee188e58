package cmd

import (
	"strings"
	"testing"
)

// Which form goes where, by the flags in their order.
func TestOutputs(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"", "text>-"},
		{"-f json", "json>-"},
		{"-o a", "text>a"},
		{"-o a -f json", "json>a"},
		{"-f json -o a", "json>a"},
		{"-f text -o - -f json -o a", "text>- json>a"},
		{"-f text -f json -o - -o a", "text>- json>a"},
		{"-f text -f json -o a", "text>- json>a"},
		{"-f json -o a -f text", "json>a text>-"},
		{"-f json -o a -f text -f json -o b", "json>a text>- json>b"},
		{"-o a -o b -f text -f json", "text>a json>b"},

		{"-f xml", `there is no report of the form "xml"`},
		{"-f json -f text", "both json and text are to be written to standard output"},
		{"-f json -o - -f text", "both json and text are to be written to standard output"},
		{"-f json -o a -f text -o ./a", `both json and text are to be written to "./a"`},
		{"-f json -o a -o b", "2 files for 1 forms: which is which?"},
		{"-o a -f json -f text", "1 files for 2 forms: which is which?"},
		{"-f json -o=", "the file to write has no name"},
	} {
		t.Run(c.flags, func(t *testing.T) {
			flags := outputFlags{known: []string{"text", "json"}}
			args := strings.Fields(c.flags)
			for len(args) > 0 {
				name, value := args[0], ""
				args = args[1:]
				if n, ok := strings.CutSuffix(name, "="); ok {
					name = n
				} else {
					value, args = args[0], args[1:]
				}
				if err := (&outputFlag{&flags, name == "-o"}).Set(value); err != nil {
					t.Fatal(err)
				}
			}
			outs, err := flags.outputs()
			var got []string
			for _, o := range outs {
				got = append(got, o.format+">"+o.file)
			}
			if err != nil {
				got = []string{err.Error()}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%q, want %q", strings.Join(got, " "), c.want)
			}
		})
	}
}
