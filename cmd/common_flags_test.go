package cmd

import (
	"strings"
	"testing"
)

// TestCommonFlags checks that a command refuses the common flags that it doesn't use, before and
// after its name, ignores their variables, and shows them neither in its help nor in what a shell
// completes.
func TestCommonFlags(t *testing.T) {
	for args, want := range map[string]string{
		"fleet report --base 3 store":        "peel fleet report doesn't use --base\ntry: peel fleet report --help",
		"--no-cache config":                  "peel config doesn't use --no-cache",
		"cache info --verify":                "peel cache info doesn't use --verify",
		"cache --offline":                    "peel cache doesn't use --offline",
		"images --platform=linux/arm64":      "peel images doesn't use --platform",
		"ls ../testdata/sample.tar --base=1": "peel ls doesn't use --base",
		"completion bash --via api":          "peel completion bash doesn't use --via",
	} {
		if r := peel(strings.Fields(args)...); r.code != exitUsage || !strings.Contains(r.err, want) {
			t.Errorf("peel %s: exit %d, %q, want %q", args, r.code, r.err, want)
		}
	}
	for _, args := range []string{"ls ../testdata/sample.tar /etc --verify --no-cache --offline", "config --verbose", "report ../testdata/sample.tar --base 1"} {
		if r := peel(strings.Fields(args)...); r.code != 0 {
			t.Errorf("peel %s: %+v", args, r)
		}
	}
	if r := peel("ls", "--help"); strings.Contains(r.out, "--base") || !strings.Contains(r.out, "--verify") {
		t.Errorf("the help of peel ls is\n%s", r.out)
	}
	if r := peel("__complete", "ls", "--"); strings.Contains(r.out, "--base") || !strings.Contains(r.out, "--verify") {
		t.Errorf("after peel ls --, a shell completes\n%s", r.out)
	}
	t.Setenv("PEEL_BASE", "3")
	t.Setenv("PEEL_VERIFY", "nonsense")
	if r := peel("config"); r.code != 0 {
		t.Errorf("variables of flags that peel config doesn't use: %+v", r)
	}
}

// TestGiven checks which common flags the screen adds to a command that it copies.
func TestGiven(t *testing.T) {
	a := &app{}
	root := a.root()
	t.Setenv("PEEL_OFFLINE", "1") // the copied command has it as well
	if err := fromEnvironment(root); err != nil {
		t.Fatal(err)
	}
	if err := root.ParseFlags(strings.Fields("--base=1 --verify --insecure-registry a --insecure-registry b -v")); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]string{
		"report": "--base=1 --insecure-registry=a --insecure-registry=b --verify",
		"ls":     "--insecure-registry=a --insecure-registry=b --verify",
		"images": "--insecure-registry=a --insecure-registry=b",
		"config": "",
	} {
		if got := strings.Join(a.given(command), " "); got != want {
			t.Errorf("%s: got %q, want %q", command, got, want)
		}
	}
}
