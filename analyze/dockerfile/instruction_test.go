package dockerfile

import (
	"strings"
	"testing"

	"github.com/peelhq/peel/source"
)

func TestInstruction(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"classic RUN", "/bin/sh -c apt-get update", "RUN apt-get update"},
		{"classic RUN with arguments", "|2 A=1 B=two words /bin/sh -c make $A", "RUN make $A"},
		{"classic COPY", "/bin/sh -c #(nop) COPY file:e1a8 in /srv/app/ ", "COPY file:e1a8 in /srv/app/"},
		{"classic COPY with a flag", "/bin/sh -c #(nop) COPY --chown=1:1dir:" + strings.Repeat("a", 64) + " in /srv/ ", "COPY --chown=1:1 dir:" + strings.Repeat("a", 64) + " in /srv/"},
		{"classic CMD", `/bin/sh -c #(nop)  CMD ["python3"]`, `CMD ["python3"]`},
		{"BuildKit RUN", "RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"},
		{"BuildKit RUN with arguments", "RUN |1 V=3 /bin/sh -c make # buildkit", "RUN make"},
		{"BuildKit COPY", "COPY . /app # buildkit", "COPY . /app"},
		{"BuildKit WORKDIR", "WORKDIR /app", "WORKDIR /app"},
		{"another shell", "/bin/bash -o pipefail -c curl x | sh", "RUN curl x | sh"},
		{"exec form", "RUN /bin/true # buildkit", "RUN /bin/true"},
		{"exec form, classic", "/bin/busybox rm /data/big", "/bin/busybox rm /data/big"},
		{"shell named in the command itself", "RUN /bin/sh -c /bin/sh -c true # buildkit", "RUN /bin/sh -c true"},
		{"bazel", "bazel build ...", "bazel build ..."},
		{"unknown", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Instruction(c.in); got != c.want {
				t.Errorf("Instruction(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestStepText(t *testing.T) {
	for _, c := range []struct {
		step source.Step
		want string
	}{
		{source.Step{Command: "RUN /bin/sh -c make # buildkit", Comment: "buildkit.dockerfile.v0"}, "RUN make"},
		{source.Step{Comment: "Imported from -"}, "Imported from -"},
		{source.Step{}, ""},
	} {
		if got := StepText(c.step); got != c.want {
			t.Errorf("StepText(%+v) = %q, want %q", c.step, got, c.want)
		}
	}
}
