package cmd

import (
	"strings"
	"testing"
)

// contains checks that the output of a case has all of these texts, and none of those.
func contains(t *testing.T, name, out string, want, not []string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(out, s) {
			t.Errorf("%s: the output lacks %q:\n%s", name, s, out)
		}
	}
	for _, s := range not {
		if strings.Contains(out, s) {
			t.Errorf("%s: the output has %q:\n%s", name, s, out)
		}
	}
}

// TestFixKeepsDirectories checks that the patch keeps a RUN that changes a directory that COPY finds,
// because COPY leaves that as it is: for that directory alone, or if that is not possible, as it is.
func TestFixKeepsDirectories(t *testing.T) {
	const image = `
-- image app:1 linux/amd64 --
step "/bin/sh -c #(nop) ADD file:4bf7a in / "
step "WORKDIR /app"
step "COPY src/ . # buildkit"
step "RUN /bin/sh -c chown -R 1000:1000 /app # buildkit"
-- layer --
file usr/sh 5000 mode=0755
-- layer --
OLDER
-- layer --
dir app mode=0755 mtime=1700000005
dir app/lib mode=0755
file app/lib/a 3000000
-- layer --
dir app mode=0755 mtime=1700000005 uid=1000 gid=1000
dir app/lib mode=0755 uid=1000 gid=1000
file app/lib/a 3000000 uid=1000 gid=1000
`
	for _, test := range []struct {
		name, older, run string
		want, not        []string
	}{
		{"a directory of its own", "dir srv mode=0755", "chown -R 1000:1000 /app", []string{"+COPY --chown=1000:1000 src/ .", "-RUN chown"}, []string{"+RUN"}},
		{"a directory of an earlier step", "dir app mode=0755", "chown -R 1000:1000 /app", []string{"+COPY --chown=1000:1000 src/ .", "+RUN chown 1000:1000 /app", "saves"}, nil},
		{"several commands", "dir app mode=0755", "chown -R 1000 /app && chgrp -R 1000 /app", []string{"also changes /app, and COPY leaves a directory that exists as it is"}, []string{"+COPY", "+RUN"}},
		{"a file of an earlier step", "dir app mode=0755\nfile app/old 9", "chown -R 1000:1000 /app", nil, []string{"+COPY", "+RUN"}},
		{"a file that had the owner", "dir app mode=0755\nfile app/old 9 uid=1000 gid=1000", "chown -R 1000:1000 /app", []string{"+COPY --chown=1000:1000 src/ .", "+RUN chown 1000:1000 /app"}, nil},
	} {
		text := strings.Replace(strings.Replace(image, "OLDER", test.older, 1), "chown -R 1000:1000 /app", test.run, 1)
		if strings.Contains(test.older, "old") {
			text += "file app/old 9 uid=1000 gid=1000\n"
		}
		inFolder(t, "docker-25", text)
		write(t, "Dockerfile", []byte("FROM debian\nWORKDIR /app\nCOPY src/ .\nRUN "+test.run+"\n"))
		out := unwrapped(must(t, "fix", "app.tar", "--base", "1"))
		contains(t, test.name, out, test.want, test.not)
	}
}

// TestFixSeveralCopies checks that several COPYs get the flag of a RUN that changes the files of all
// of them, and that the RUN stays for directories above a target, which the classic builder leaves
// to root.
func TestFixSeveralCopies(t *testing.T) {
	const image = `
-- image app:1 linux/amd64 --
step "/bin/sh -c #(nop) ADD file:4bf7a in / "
step "COPY lib /srv/app/lib # buildkit"
step "COPY bin /srv/app/bin # buildkit"
step "RUN /bin/sh -c chown -R 1000:1000 /srv/app # buildkit"
-- layer --
dir srv mode=0755
file usr/sh 5000 mode=0755
-- layer --
dir srv/app mode=0755
dir srv/app/lib mode=0755
file srv/app/lib/a 3000000
-- layer --
dir srv/app mode=0755
dir srv/app/bin mode=0755
file srv/app/bin/b 2000000
-- layer --
dir srv/app mode=0755 uid=1000 gid=1000
dir srv/app/lib mode=0755 uid=1000 gid=1000
file srv/app/lib/a 3000000 uid=1000 gid=1000
dir srv/app/bin mode=0755 uid=1000 gid=1000
file srv/app/bin/b 2000000 uid=1000 gid=1000
`
	const flags = "+COPY --chown=1000:1000 lib /srv/app/lib +COPY --chown=1000:1000 bin /srv/app/bin"
	sum := strings.Repeat("e1", 32)
	classic := strings.NewReplacer("COPY lib", "/bin/sh -c #(nop) COPY dir:"+sum+" in", "COPY bin", "/bin/sh -c #(nop) COPY dir:"+sum+" in",
		"RUN /bin/sh", "/bin/sh", " # buildkit", "").Replace(image)
	for _, test := range []struct{ name, image, want, not string }{
		{"BuildKit", image, "-RUN chown -R 1000:1000 /srv/app " + flags, "+RUN"},
		{"the classic builder", classic, flags + " +RUN chown 1000:1000 /srv/app", "+RUN chown 1000:1000 /srv/app /srv/app/"},
	} {
		inFolder(t, "docker-25", test.image)
		write(t, "Dockerfile", []byte("FROM debian\nCOPY lib /srv/app/lib\nCOPY bin /srv/app/bin\nRUN chown -R 1000:1000 /srv/app\n"))
		out := unwrapped(must(t, "fix", "app.tar", "--base", "1"))
		if !strings.Contains(out, test.want) || strings.Contains(out, test.not) {
			t.Errorf("%s: the output should have %q, and not %q:\n%s", test.name, test.want, test.not, out)
		}
	}
}

// TestFixKeepsStages checks that peel changes no files that another stage of the Dockerfile may use.
func TestFixKeepsStages(t *testing.T) {
	inFolder(t, "docker-25", `
-- image app:1 linux/amd64 --
step "/bin/sh -c #(nop) ADD file:4bf7a in / "
step "RUN /bin/sh -c apt-get install -y a # buildkit"
step "COPY app /app # buildkit"
step "RUN /bin/sh -c chown -R 1000:1000 /app # buildkit"
step "RUN /bin/sh -c rm -rf /var/lib/apt/lists/* # buildkit"
-- layer --
file usr/sh 5000 mode=0755
-- layer --
file var/lib/apt/lists/x 2000000
-- layer --
dir app mode=0755
file app/a 3000000
-- layer --
dir app mode=0755 uid=1000 gid=1000
file app/a 3000000 uid=1000 gid=1000
-- layer --
file var/lib/apt/lists/.wh.x 0
`)
	const flag, remove = "+COPY --chown=1000:1000 app /app", "+ && rm -rf /var/lib/apt/lists/*"
	for _, test := range []struct {
		name, between string
		want, not     []string
	}{
		{"one stage", "", []string{flag, remove}, nil},
		{"a stage with commands", "FROM common AS b\nRUN make\nFROM common\n", []string{remove, "line 5 uses the same stage, and may need the files as line 3 leaves them"}, []string{flag}},
		{"a stage without commands", "FROM common AS b\nENV a=b\nFROM common\n", []string{flag, remove}, nil},
		{"a stage that uses the cache", "FROM common AS b\nRUN apt-get install -y gcc\nFROM common\n", nil, []string{flag, remove}},
		{"other files are copied", "FROM common AS b\nCOPY --from=common /etc/a /etc/b\nFROM common\n", []string{remove}, []string{flag}},
		{"caches are copied", "FROM common AS b\nCOPY --from=common /var/lib /kept\nFROM common\n", nil, []string{flag, remove}},
	} {
		write(t, "Dockerfile", []byte("FROM debian AS common\nRUN apt-get install -y a\nCOPY app /app\n"+test.between+
			"RUN chown -R 1000:1000 /app\nRUN rm -rf /var/lib/apt/lists/*\n"))
		out := unwrapped(must(t, "fix", "app.tar", "--base", "1", "--dockerfile", "Dockerfile"))
		contains(t, test.name, out, test.want, test.not)
	}
}

// TestFixModeNeedsBuildKit checks that peel uses COPY --chmod only if BuildKit makes the COPY: the
// classic builder ignores the syntax directive, and BuildKit's base images say nothing.
func TestFixModeNeedsBuildKit(t *testing.T) {
	const image = `
-- image app:1 linux/amd64 --
step "RUN /bin/sh -c true # buildkit"
step "COPYSTEP"
step "/bin/sh -c chmod 755 /app"
-- layer --
file usr/sh 5000 mode=0755
-- layer --
file app 3000000 mode=0644
-- layer --
file app 3000000 mode=0755
`
	for step, want := range map[string]string{
		"/bin/sh -c #(nop) COPY file:" + strings.Repeat("a", 64) + " in /app ": "COPY --chmod needs BuildKit",
		"COPY app /app # buildkit": "+COPY --chmod=0755 app /app",
		"COPY app /app":            "+COPY --chmod=0755 app /app", // the directive requires it
	} {
		inFolder(t, "docker-25", strings.Replace(image, "COPYSTEP", step, 1))
		write(t, "Dockerfile", []byte("# syntax=docker/dockerfile:1\nFROM debian\nCOPY app /app\nRUN chmod 755 /app\n"))
		out := unwrapped(must(t, "fix", "app.tar", "--base", "1", "--dockerfile", "Dockerfile"))
		if !strings.Contains(out, want) {
			t.Errorf("%s: the output lacks %q:\n%s", step, want, out)
		}
	}
}

// TestFixKeepsLinks checks that peel doesn't merge steps if one of them changes one of the names
// that another gave a file: in one layer, all names would change.
func TestFixKeepsLinks(t *testing.T) {
	const image = `
-- image app:1 linux/amd64 --
step "/bin/sh -c #(nop) ADD file:4bf7a in / "
step "RUN /bin/sh -c LINK # buildkit"
step "RUN /bin/sh -c chmod 700 /b && rm /c # buildkit"
-- layer --
file a 2000000
-- layer --
LINKED
file c 3000000
-- layer --
file b 2000000 mode=0700
file .wh.c 0
`
	for _, test := range []struct{ name, step, linked, want string }{
		{"a hard link", "make && ln /a /b", "file a 2000000\nhardlink b -> a", "in one step, the change of /b would also change its hard link /a"},
		{"a hard link, by BuildKit", "make && ln -f /a /b", "file b 2000000", "in one step, the change of /b could also change a hard link to it"},
		{"a copy", "make && cp -p /a /b", "file b 2000000", "+RUN make && cp -p /a /b \\ + && chmod 700 /b && rm /c"},
		{"a symbolic link to it", "make && ln -sf /b /d", "file b 2000000", "+RUN make && ln -sf /b /d \\ + && chmod 700 /b && rm /c"},
	} {
		inFolder(t, "docker-25", strings.NewReplacer("LINKED", test.linked, "LINK", test.step).Replace(image))
		write(t, "Dockerfile", []byte("FROM debian\nRUN "+test.step+"\nRUN chmod 700 /b && rm /c\n"))
		if out := unwrapped(must(t, "fix", "app.tar", "--base", "1")); !strings.Contains(out, test.want) {
			t.Errorf("%s: the output lacks %q:\n%s", test.name, test.want, out)
		}
	}
}
