package dockerfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/peelhq/peel/source"
)

// outline lists the instructions of a Dockerfile's last stage: lines, word and text.
func outline(d *File) string {
	var b strings.Builder
	for _, in := range d.final() {
		fmt.Fprintf(&b, "%d-%d %s %s", in.first, in.last, in.word, squeeze(in.args))
		for _, doc := range in.docs {
			fmt.Fprintf(&b, " {%s: %s}", doc.name, squeeze(doc.text))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "FROM debian\nRUN make\n", "2-2 RUN make\n"},
		{"words in any case", "from debian\nrun make\nCopy a b", "2-2 RUN make\n3-3 COPY a b\n"},
		{"continued lines", "FROM debian\nRUN a \\\n  && b \\ \n  && c\nRUN d", "2-4 RUN a && b && c\n5-5 RUN d\n"},
		{"comments and blank lines within", "# a comment\nFROM debian\n\nRUN a \\\n# why\n\n  && b\n", "4-7 RUN a && b\n"},
		{"a comment that looks like one in a shell", "FROM debian\nRUN echo a # b\n", "2-2 RUN echo a # b\n"},
		{"escaped escape", "FROM debian\nRUN echo a\\\\\nRUN b\n", "2-2 RUN echo a\\\\\n3-3 RUN b\n"},
		{"escape directive", "# escape=`\nFROM windows\nRUN dir c:\\\nRUN a `\n b\n", "3-3 RUN dir c:\\\n4-5 RUN a b\n"},
		{"directives end at a comment", "# why\n# escape=`\nFROM x\nRUN a \\\n b\n", "4-5 RUN a b\n"},
		{"several directives", "# syntax=docker/dockerfile:1\n# Escape = `\nFROM x\nRUN a `\n b\n", "4-5 RUN a b\n"},
		{"mark and CRLF", "\xef\xbb\xbfFROM x\r\nRUN a \\\r\n b\r\n", "2-3 RUN a b\n"},
		{"flags", "FROM --platform=linux/amd64 x AS y\nRUN --mount=type=cache,target=/x --network=none make\nCOPY --from=0 --chown=1:1 a b\n", "2-2 RUN make\n3-3 COPY a b\n"},
		{"here-document", "FROM x\nRUN <<EOF\napt-get update\n# kept\nEOF\nRUN b\n", "2-5 RUN <<EOF {EOF: apt-get update # kept}\n6-6 RUN b\n"},
		{"here-documents, several, quoted, with tabs", "FROM x\nCOPY <<-\"A\" <<'B' /d/\n\tone\n\tA\ntwo\nB\nRUN c\n", "2-6 COPY <<-\"A\" <<'B' /d/ {A: one} {B: two}\n7-7 RUN c\n"},
		{"none in quotes", "FROM x\nRUN echo \"<<EOF\" '<<EOF' $((1<<4))\nRUN b\n", "2-2 RUN echo \"<<EOF\" '<<EOF' $((1<<4))\n3-3 RUN b\n"},
		{"none of other instructions", "FROM x\nLABEL a=b <<EOF\nRUN b\n", "2-2 LABEL a=b <<EOF\n3-3 RUN b\n"},
		{"stages: the last one", "FROM a AS build\nRUN make\nFROM b\nCOPY --from=build /x /x\n", "4-4 COPY /x /x\n"},
		{"stages: on one another", "ARG V=1\nFROM a AS base\nRUN one\nFROM c\nRUN no\nFROM Base as final\nRUN two\n", "3-3 RUN one\n7-7 RUN two\n"},
		{"a stage named as the image it is on", "FROM debian AS debian\nRUN one\n", "2-2 RUN one\n"},
		{"ONBUILD of an earlier stage", "FROM a AS base\nONBUILD RUN --network=none trigger\nRUN one\nFROM base\nRUN two\n", "2-2 ONBUILD RUN --network=none trigger\n3-3 RUN one\n2-2 RUN trigger\n5-5 RUN two\n"},
		{"ends within an instruction", "FROM x\nRUN a \\", "2-2 RUN a\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Parse("Dockerfile", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(d); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "f: no FROM: not a Dockerfile"},
		{"comments only", "# a\n\n", "f: no FROM: not a Dockerfile"},
		{"no FROM", "# a\nRUN make\n", "f:2: RUN stands before the first FROM"},
		{"FROM nothing", "FROM --platform=x\n", "f:1: FROM names no image"},
		{"here-document without an end", "FROM x\nRUN <<EOF\na\n", "f:2: the here-document EOF does not end"},
		{"too large", strings.Repeat("#", MaxSize+1), "f: 4194305 bytes, more than a Dockerfile may have"},
		{"too many", "FROM x\n" + strings.Repeat("RUN a\n", maxInstructions), "f:10001: more than 10000 instructions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.text))
			if err == nil || err.Error() != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

// TestLines checks which line each entry of a history is matched to, and whether the match is
// certain ("7"), likely ("7?") or unknown ("-").
func TestLines(t *testing.T) {
	sum := strings.Repeat("e1", 32)
	for _, c := range []struct {
		name, text string
		history    []string
		want       string
	}{
		{
			"classic builder",
			"FROM debian\nENV A=b\nRUN a && \\\n    b\nCOPY f /srv/\nWORKDIR /srv\nCMD [\"x\", \"y\"]\n",
			[]string{
				"/bin/sh -c #(nop) ADD file:" + sum + " in / ", `/bin/sh -c #(nop)  CMD ["bash"]`,
				"/bin/sh -c #(nop)  ENV A=b", "/bin/sh -c a &&     b", "/bin/sh -c #(nop) COPY file:" + sum + " in /srv/ ",
				"/bin/sh -c #(nop) WORKDIR /srv", `/bin/sh -c #(nop)  CMD ["x" "y"]`,
			},
			"- - 2 3 5 6 7",
		},
		{
			"BuildKit",
			"FROM debian\nARG V=1\nRUN --mount=type=cache,target=/c a && \\\n    b $V\nCOPY --chown=1:1 f g /srv/\nRUN [\"/bin/x\", \"y\"]\nEXPOSE 80\nCMD serve it\n",
			[]string{
				"debian", "ARG V=1", "RUN |1 V=1 /bin/sh -c a &&     b $V # buildkit", "COPY --chown=1:1 f g /srv/ # buildkit",
				"RUN |1 V=1 /bin/x y # buildkit", "EXPOSE map[80/tcp:{}]", `CMD ["/bin/sh" "-c" "serve it"]`,
			},
			"- 2 3 5 6? 7 8",
		},
		{
			"BuildKit, here-documents and SHELL",
			"FROM debian\nRUN <<EOF\na\nb\nEOF\nRUN cat <<EOF > /f\nx\nEOF\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN a | b\n",
			[]string{
				"RUN /bin/sh -c a\nb\n # buildkit", "RUN /bin/sh -c cat <<EOF > /f\nx\nEOF # buildkit",
				"SHELL [/bin/bash -o pipefail -c]", "RUN /bin/bash -o pipefail -c a | b # buildkit",
			},
			"2 6 9 10",
		},
		{"variables are replaced", "FROM x\nENV D=/srv\nWORKDIR ${D}/app\nCOPY f $D/\n", []string{"ENV D=/srv", "WORKDIR /srv/app", "COPY f /srv/ # buildkit"}, "2 3? 4"},
		{"the same as in the base", "FROM x\nRUN a\nCMD [\"x\"]\n", []string{"RUN /bin/sh -c a", `CMD ["x"]`, "RUN /bin/sh -c a", `CMD ["x"]`}, "- - 2 3"},
		{"one of two that are the same", "FROM x\nRUN a\nRUN a\n", []string{"RUN /bin/sh -c a"}, "3?"},
		{"two that are the same", "FROM x\nRUN a\nRUN a\n", []string{"RUN /bin/sh -c a", "RUN /bin/sh -c a"}, "2 3"},
		{"an edited step", "FROM x\nRUN one\nRUN install one two three four five\nRUN last\n", []string{"RUN /bin/sh -c one", "RUN /bin/sh -c install one two three four", "RUN /bin/sh -c last"}, "2 3? 4"},
		{"another text between two that are sure", "FROM x\nRUN one\nRUN make all\nRUN last\n", []string{"RUN /bin/sh -c one", "RUN /bin/sh -c gcc -o x", "RUN /bin/sh -c last"}, "2 3? 4"},
		{"out of order", "FROM x\nRUN one\nRUN two\n", []string{"RUN /bin/sh -c two", "RUN /bin/sh -c one"}, "- 2"},
		{"an instruction that left no entry", "FROM x\nARG A\nRUN one\n", []string{"base", "/bin/sh -c one"}, "- 3"},
		{"relative destination", "FROM x\nWORKDIR /srv\nCOPY . app\nADD f .\n", []string{"WORKDIR /srv", "/bin/sh -c #(nop) COPY dir:" + sum + " in /srv/app ", "/bin/sh -c #(nop) ADD file:" + sum + " in /srv "}, "2 3 4"},
		{"a variable in a target, classic builder", "FROM x\nARG V=1\nCOPY f ${D}/a-$V\nRUN one\n", []string{"RUN /bin/sh -c base", "ARG V=1", "/bin/sh -c #(nop) COPY file:" + sum + " in /srv/a-1 ", "RUN /bin/sh -c one"}, "- 2 3 4"},
		{"the exec form, classic builder", "FROM x\nRUN [\"bash\", \"-c\", \"rm /a\"]\nARG A=1\nRUN [\"bash\", \"-c\", \"rm /b\"]\n", []string{"bash -c rm /a", "/bin/sh -c #(nop)  ARG A=1", "|1 A=1 bash -c rm /b "}, "2 3 4?"},
		{"variables in braces", "FROM x\nENV D=${P:-/opt}/t-$V\nRUN one\nCOPY f ${D}/f\nCOPY f ${D}/g\n", []string{"ENV D=/opt/t-1", "RUN /bin/sh -c one", "COPY f /opt/t-1/f # buildkit", "COPY f /opt/t-1/g # buildkit"}, "2? 3 4 5"},
		{"a variable in another target", "FROM x\nARG V=1\nCOPY f ${D}/a-$V\nRUN one\n", []string{"ARG V=1", "/bin/sh -c #(nop) COPY file:" + sum + " in /srv/b ", "RUN /bin/sh -c one"}, "2 3? 4"},
		{"a variable in one of two targets", "FROM x\nARG V=1\nCOPY f $V\nCOPY g $V\nRUN one\n", []string{"ARG V=1", "COPY f 1 # buildkit", "RUN /bin/sh -c one"}, "2 3? 5"},
		{"a variable, and a step less in the file", "FROM x\nARG V=1\nCOPY f $V\nRUN one\n", []string{"ARG V=1", "RUN /bin/sh -c gone", "COPY f 1 # buildkit", "RUN /bin/sh -c one"}, "2 - 3? 4"},
		{"a variable after the base", "FROM x\nCOPY f $V\nRUN one\n", []string{"COPY f 1 # buildkit", "RUN /bin/sh -c one"}, "2? 3"},
		{"nothing alike", "FROM x\nRUN one\n", []string{"bazel build ...", "COPY a b"}, "- -"},
		{"no history", "FROM x\nRUN one\n", nil, ""},
		{"no steps", "FROM x\n", []string{"RUN /bin/sh -c one"}, "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Parse("Dockerfile", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			var history []source.Step
			for _, command := range c.history {
				history = append(history, source.Step{Command: command})
			}
			var got []string
			for _, l := range d.lines(history) {
				switch {
				case l == nil:
					got = append(got, "-")
				case l.Sure:
					got = append(got, fmt.Sprint(l.First))
				default:
					got = append(got, fmt.Sprint(l.First)+"?")
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
		})
	}
}

// FuzzDockerfile checks that for any text, lines are in order and within the text, and that
// aligning it with a history made of its own words ends.
func FuzzDockerfile(f *testing.F) {
	f.Add("FROM x\nRUN a \\\n b\nCOPY <<EOF /f\nEOF\n", "RUN /bin/sh -c a b\nCOPY a b")
	f.Add("# escape=`\nFROM a AS b\nONBUILD RUN x\nFROM b\nSHELL [\"x\"]\nRUN [\"y\"]\n", "|1 A=b /bin/sh -c x")
	f.Fuzz(func(t *testing.T, text, commands string) {
		d, err := Parse("f", []byte(text))
		if err != nil {
			return
		}
		count := strings.Count(text, "\n") + 1
		for _, s := range d.stages {
			last := 0
			for _, in := range s.steps {
				if in.first <= last || in.last < in.first || in.last > count || in.word == "" {
					t.Fatalf("instruction %q in lines %d to %d, after %d, of %d", in.word, in.first, in.last, last, count)
				}
				last = in.last
			}
		}
		var history []source.Step
		for command := range strings.SplitSeq(commands, "\n") {
			history = append(history, source.Step{Command: command})
		}
		if n := len(d.lines(history)); n != len(history) {
			t.Fatalf("got %d lines for %d entries", n, len(history))
		}
	})
}
