package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/peelhq/peel/analyze"
)

// exportedRoot returns a container's root filesystem, as docker export writes it, and unpacked
// by tar with everything: owners, devices, hard links, extended attributes.
func exportedRoot(t *testing.T) (file, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can unpack owners and devices")
	}
	b := builtImage(t)
	at := t.TempDir()
	file, dir = filepath.Join(at, "export.tar"), filepath.Join(at, "root")
	container := strings.TrimSpace(run(t, "docker", "create", b.name))
	run(t, "docker", "export", "-o", file, container)
	run(t, "docker", "rm", container)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "tar", "-C", dir, "-xpf", file, "--numeric-owner", "--xattrs", "--xattrs-include=*")
	return file, dir
}

// TestRootfsMatchesContainer checks that the tar of docker export and the folder unpacked from
// it give the same tree, which is the container's, and the bytes that du counts.
func TestRootfsMatchesContainer(t *testing.T) {
	file, dir := exportedRoot(t)
	opened := map[string]*analyze.Analysis{}
	rows := map[string]map[string]row{}
	for _, ref := range []string{"rootfs:" + file, "dir:" + dir} {
		a := open(t, form{ref: ref})
		opened[ref], rows[ref] = a, unionRows(t, a)
		if flaws := a.Flaws; len(flaws) > 0 {
			t.Errorf("%s: %v", ref, flaws)
		}
	}
	want := rows["rootfs:"+file]
	for name, w := range want {
		if g := rows["dir:"+dir][name]; g != w {
			t.Errorf("%s\n in the folder %+v\n in the tar    %+v", name, g, w)
		}
	}
	if len(want) < 30 || len(want) != len(rows["dir:"+dir]) {
		t.Errorf("%d paths in the tar, %d in the folder", len(want), len(rows["dir:"+dir]))
	}
	if a, b := opened["rootfs:"+file].Totals, opened["dir:"+dir].Totals; a.Stored != b.Stored || a.Efficiency != 1 || b.Efficiency != 1 {
		t.Errorf("the tar stores %d bytes, the folder %d", a.Stored, b.Stored)
	}
	// du also counts the sizes of directories and symlinks on disk.
	var others int64
	for line := range strings.Lines(run(t, "find", dir, "-not", "-type", "f", "-printf", "%s\n")) {
		n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		others += n
	}
	du := run(t, "du", "-s", "--apparent-size", "-B1", dir)
	if total, _, _ := strings.Cut(du, "\t"); total != fmt.Sprint(opened["dir:"+dir].Totals.Stored+others) {
		t.Errorf("du counts %s bytes, peel %d and %d for other types", total, opened["dir:"+dir].Totals.Stored, others)
	}
}

// TestDirMatchesTar checks that peel lists a folder exactly as GNU tar writes it,
// including nanoseconds and all attributes.
func TestDirMatchesTar(t *testing.T) {
	_, dir := exportedRoot(t)
	hole := filepath.Join(dir, "hole")
	run(t, "truncate", "-s", "1G", hole)
	run(t, "sh", "-c", `printf data | dd of="$1" bs=1M seek=100 conv=notrunc status=none; mkfifo "$1.pipe"; mkdir "$1
	line"`, "sh", hole)
	peel := buildProgram(t)
	tar := filepath.Join(t.TempDir(), "dir.tar")
	run(t, "tar", "-C", dir, "--format=posix", "--sort=name", "--xattrs", "--xattrs-include=*", "--sparse", "-cf", tar, ".")
	for _, packed := range []string{"", "gzip", "zstd", "xz"} {
		name := tar
		if packed != "" {
			name += "." + packed
			run(t, "sh", "-c", packed+` <"$1" >"$2"`, "sh", tar, name)
		}
		for _, f := range []form{{ref: "rootfs:" + name}, {ref: "rootfs:-", stdin: name}} {
			out, code := peel.run(t, f, "diff", "--exit-code", "dir:"+dir, f.ref)
			if code != 0 {
				t.Errorf("%s %s:\n%s", f.ref, packed, out)
			}
		}
	}
}

// TestDirOfAnother checks that files that the user may not read are listed and flagged, and
// everything else works.
func TestDirOfAnother(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("runs as another user, which only root can do")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("setpriv isn't installed")
	}
	peel := buildProgram(t)
	at, err := os.MkdirTemp("", "peel-another") // that others may read
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(at) })
	run(t, "sh", "-c", `cd "$1" && cp "$2" peel && chmod 755 . peel && umask 022 && mkdir open closed noexec && echo secret >open/secret && chmod 600 open/secret && echo same >open/public &&
		echo x >closed/below && chmod 700 closed && echo y >noexec/listed && chmod 744 noexec && cp -a open other`, "sh", at, string(peel))
	as := func(args ...string) string {
		c := exec.CommandContext(t.Context(), "setpriv", append([]string{"--reuid=65534", "--regid=65534", "--clear-groups", filepath.Join(at, "peel"), "--no-cache"}, args...)...)
		var out bytes.Buffer
		c.Stdout, c.Stderr, c.Dir = &out, &out, at
		_ = c.Run() // its output is checked below
		return out.String()
	}
	listed := as("ls", "-R", "-l", "dir:"+at)
	for _, want := range []string{"/open/secret", "/open/public", "/closed", "/noexec"} {
		if !strings.Contains(listed, want) {
			t.Errorf("%s isn't listed:\n%s", want, listed)
		}
	}
	for path, want := range map[string]string{"/": "could not be read in full at or below /;", "/closed": "1 path could not be read in full at or below /closed", "/other/public": ""} {
		if got := as("ls", "dir:"+at, path); !strings.Contains(got, want) || want == "" && strings.Contains(got, "could not") {
			t.Errorf("ls %s says %s", path, got)
		}
	}
	report := as("report", "-f", "json", "dir:"+at)
	for _, want := range []string{
		`"open/secret", "problem": "its content cannot be read: permission denied"`,
		`"closed/", "problem": "its content cannot be listed: permission denied"`,
		`"noexec/listed", "problem": "left out: permission denied"`,
	} {
		path, problem, _ := strings.Cut(want, ", ")
		if !strings.Contains(report, `"path": `+path) || !strings.Contains(report, problem) {
			t.Errorf("no flaw %s in:\n%s", want, report)
		}
	}
	if got := as("cat", "dir:"+at, "/open/secret"); !strings.Contains(got, "permission denied") {
		t.Errorf("cat says %s", got)
	}
	if got := as("diff", "dir:"+at+"/open", "dir:"+at+"/other"); !strings.Contains(got, "/secret") || strings.Contains(got, "/public") {
		t.Errorf("diff says %s", got)
	}
}
