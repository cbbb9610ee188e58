package dockerfile

import (
	"strings"
	"testing"

	"github.com/peelhq/peel/internal/clean"
)

func TestRestore(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	for _, c := range []struct{ name, command, text, note string }{
		{"BuildKit's RUN", "RUN /bin/sh -c apt-get update     && apt-get install -y git # buildkit", "RUN apt-get update     && apt-get install -y git", ""},
		{"the classic builder's RUN", "/bin/sh -c make install", "RUN make install", ""},
		{"RUN with build arguments", "|2 A=1 B=two words /bin/sh -c make $A", "RUN make $A", ""},
		{"RUN with a shell", "RUN /bin/bash -o pipefail -c a | b # buildkit", "RUN a | b", ""},
		{"RUN of several lines", "RUN /bin/sh -c set -e\nmake\n # buildkit", "RUN <<EOF\nset -e\nmake\nEOF", ""},
		{"RUN with a here-document of its own", "RUN /bin/sh -c cat <<EOF > /x\na\nEOF\n # buildkit", "RUN <<EOF2\ncat <<EOF > /x\na\nEOF\nEOF2", ""},
		{"RUN that ends in an escape", `RUN /bin/sh -c echo a\ # buildkit`, "RUN <<EOF\necho a\\\nEOF", ""},
		{"RUN that would be an instruction more", "/bin/sh -c true\nUSER root", "RUN <<EOF\ntrue\nUSER root\nEOF", ""},
		{"RUN with control characters", "/bin/sh -c echo \x1b[31m", `RUN echo \x1b[31m`, "characters are escaped"},
		{"RUN with a tab", "/bin/sh -c echo\ta", "RUN echo\ta", ""},
		{"an order to a pipeline", "/bin/sh -c a\n::set-env name=x::y", "RUN <<EOF\na\n\\x3a:set-env name=x::y\nEOF", ""},
		{"nop", "/bin/sh -c #(nop)  CMD [\"python3\" \"-m\" \"a b\"]", `CMD ["python3", "-m", "a b"]`, ""},
		{"CMD in JSON", `CMD ["a","b"]`, `CMD ["a", "b"]`, ""},
		{"CMD of a shell", "CMD exec app", "CMD exec app", ""},
		{"CMD of several lines", "CMD a\nUSER root", "", "unknown: CMD a USER root"},
		{"ENTRYPOINT", `ENTRYPOINT ["/run" "\"x\""]`, `ENTRYPOINT ["/run", "\"x\""]`, ""},
		{"COPY of sums", "/bin/sh -c #(nop) COPY file:" + sum + " in /srv/app/ ", "COPY unknown /srv/app/", "their sum was file:" + sum},
		{"ADD of several", "/bin/sh -c #(nop) ADD --chown=a:b multi:" + sum + " in /x ", "ADD --chown=a:b unknown /x", "multi:"},
		{"COPY", "COPY . /srv/app # buildkit", "COPY . /srv/app", "from the build context, or from another stage"},
		{"COPY of text", "COPY <<EOF /x # buildkit", "", "unknown: the text of COPY <<EOF /x"},
		{"COPY that goes on", `COPY a b\`, "", `unknown: COPY a b\`},
		{"ENV", "ENV A=b PATH=/usr/bin:/bin", "ENV A=b PATH=/usr/bin:/bin", ""},
		{"ENV with blanks", "ENV A=b c B=d", `ENV A="b c" B=d`, ""},
		{"ENV with signs", `ENV A=$x "y" \z`, `ENV A="\$x \"y\" \\z"`, ""},
		{"ENV as it was once written", "ENV NAME a b", `ENV NAME="a b"`, ""},
		{"ENV of several lines", "ENV A=b\nRUN x", "", "unknown: ENV A=b RUN x"},
		{"ENV with its quotes", `ENV A="b c"`, `ENV A="b c"`, ""},
		{"LABEL", "LABEL org.opencontainers.image.title=An app", `LABEL org.opencontainers.image.title="An app"`, ""},
		{"EXPOSE", "EXPOSE map[53/udp:{} 8080/tcp:{}]", "EXPOSE 53/udp 8080/tcp", ""},
		{"VOLUME", "VOLUME [/a /b]", `VOLUME ["/a", "/b"]`, ""},
		{"SHELL", "SHELL [/bin/bash -o pipefail -c]", `SHELL ["/bin/bash", "-o", "pipefail", "-c"]`, ""},
		{"HEALTHCHECK", `HEALTHCHECK &{["CMD-SHELL" "curl -f http://localhost || exit 1"] "30s" "3s" "0s" '\x03'}`, "HEALTHCHECK --interval=30s --timeout=3s CMD curl -f http://localhost || exit 1", "unknown: how often"},
		{"HEALTHCHECK of words", `HEALTHCHECK &{["CMD" "a" "b"] "0s" "0s"}`, `HEALTHCHECK CMD ["a", "b"]`, ""},
		{"no HEALTHCHECK", `HEALTHCHECK &{["NONE"] "0s" "0s"}`, "HEALTHCHECK NONE", ""},
		{"ONBUILD", "ONBUILD COPY . /app", "ONBUILD COPY . /app", ""},
		{"ONBUILD of several", "ONBUILD ONBUILD RUN x", "", "unknown: ONBUILD ONBUILD RUN x"},
		{"ARG", "ARG VERSION=1.2", "ARG VERSION=1.2", ""},
		{"WORKDIR", "WORKDIR /srv/app", "WORKDIR /srv/app", ""},
		{"FROM", "FROM evil", "", "unknown: FROM evil"},
		{"Bazel", "bazel build //app:image", "", "unknown: bazel build //app:image"},
		{"Jib", "jib-gradle-plugin:3.4.0", "", "unknown: jib-gradle-plugin:3.4.0"},
		{"ko", "ko build ko://example.com/app", "", "unknown: ko build"},
		{"nothing", "", "", "unknown:"},
		{"a comment", "# escape=`", "", "unknown: # escape=`"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Restore(Instruction(c.command), '\\')
			if r.Text != c.text || !strings.Contains(strings.Join(r.Notes, "\n"), c.note) {
				t.Errorf("%q:\n%s\nnotes %q\nwant\n%s\nnote %q", c.command, r.Text, r.Notes, c.text, c.note)
			}
		})
	}
}

func TestRestoreWindows(t *testing.T) {
	e := EscapeOf("windows/amd64")
	for command, want := range map[string]string{
		`WORKDIR C:\app\`:                  `WORKDIR C:\app\`,
		"cmd /S /C dir C:\\":               `RUN dir C:\`,
		"WORKDIR C:\\a`":                   "",
		`ENV A=C:\x y`:                     `ENV A="C:\x y"`,
		"powershell -Command Write-Host `": "RUN <<EOF\nWrite-Host `\nEOF",
	} {
		if r := Restore(Instruction(command), e); r.Text != want {
			t.Errorf("%q: %q, want %q", command, r.Text, want)
		}
	}
}

func TestPair(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"A", "b C=d", `ENV A="b C=d"`},
		{"A", "", `ENV A=""`},
		{"A", `"q"`, `ENV A="\"q\""`},
		{"A", "a\nb", ""},
		{"A B", "c", ""},
		{"", "c", ""},
	} {
		if got := Escape('\\').Pair("ENV", c.name, c.value); got != c.want {
			t.Errorf("%s=%s: %q, want %q", c.name, c.value, got, c.want)
		}
	}
}

// FuzzRestore checks that every entry of any history becomes one instruction of a known word,
// or a comment.
func FuzzRestore(f *testing.F) {
	for _, s := range []string{"RUN /bin/sh -c a\nUSER root # buildkit", `CMD a\`, "ENV A=\"b\n", "COPY <<E /x", "ONBUILD RUN a <<E", "HEALTHCHECK &{[\"CMD-SHELL\" \"a\\nUSER x\"] \"1s\" \"2s\"}", "RUN a\r\nEOF\r\nUSER b", "LABEL a=`\\"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, command string, windows bool) {
		e, head := Escape('\\'), ""
		if windows {
			e, head = '`', "# escape=`\n"
		}
		r := Restore(Instruction(command), e)
		for _, n := range r.Notes {
			if clean.Line(n) != n {
				t.Errorf("%q: the note %q", command, n)
			}
		}
		if r.Text == "" {
			if len(r.Notes) == 0 {
				t.Errorf("%q: neither text nor notes", command)
			}
			return
		}
		d, err := Parse("Dockerfile", []byte(head+"FROM scratch\n"+r.Text+"\nUSER last\n"))
		if err != nil {
			t.Fatalf("%q: %v\n%s", command, err, r.Text)
		}
		word, _, _ := strings.Cut(r.Text, " ")
		steps := d.stages[0].steps
		if len(d.stages) != 1 || len(steps) != 2 || steps[0].word != word || steps[1].word != "USER" || steps[1].args != "last" {
			t.Errorf("%q: it became\n%s", command, r.Text)
		}
		if plain := strings.NewReplacer("\n", "", "\t", "").Replace(r.Text); clean.Text(plain) != plain {
			t.Errorf("%q: control characters in %q", command, r.Text)
		}
	})
}
