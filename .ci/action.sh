#!/usr/bin/env bash
# Runs the steps of the GitHub Action (action.yml) for real, with a release made
# here and the environment that GitHub's runner has; gh alone is a stand-in.
# Usage: .ci/action.sh PEEL      (the binary to be released)
set -euo pipefail
cd "$(dirname "$0")/.."
peel=$(realpath "$1")
sample=$PWD/testdata/sample.tar
action=$PWD/.github/action

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export RUNNER_TEMP=$tmp/runner RUNNER_OS=Linux RUNNER_ARCH=X64 GITHUB_ACTIONS=true CI=true
export GITHUB_WORKSPACE=$tmp/workspace GITHUB_REPOSITORY=example/app GITHUB_REF=refs/heads/main
export GITHUB_PATH=$tmp/path GITHUB_OUTPUT=$tmp/output GITHUB_STEP_SUMMARY=$tmp/summary.md XDG_CACHE_HOME=$tmp/cache
mkdir -p "$RUNNER_TEMP" "$GITHUB_WORKSPACE/sub" "$tmp/bin"
cd "$GITHUB_WORKSPACE"

die() {
  echo "action: $*" >&2
  [ ! -e "$tmp/log" ] || cat "$tmp/log" >&2
  exit 1
}
# expect CODE COMMAND... runs a step, its output in the log.
expect() {
  local want=$1 got=0
  shift
  : >"$GITHUB_OUTPUT"
  : >"$GITHUB_STEP_SUMMARY"
  "$@" >"$tmp/log" 2>&1 || got=$?
  [ "$got" = "$want" ] || die "exit code $got, want $want: $*"
}
says() { grep -qF -- "$1" "${2:-$tmp/log}" || die "${2:-the log} does not say: $1"; }
output() { sed -n "s/^$1=//p" "$GITHUB_OUTPUT"; }

# A release as goreleaser names its files.
release() {
  local to=$tmp/releases/$2
  mkdir -p "$to"
  cp "$peel" "$tmp/bin/peel"
  tar -C "$tmp/bin" -czf "$to/peel_$1_linux_amd64.tar.gz" peel
  (cd "$to" && sha256sum ./*.tar.gz | sed 's# \./# #' >checksums.txt)
}
release 1.2.3 download/v1.2.3
release 2.0.0 latest/download
rm "$tmp/bin/peel"
export PEEL_RELEASES=file://$tmp/releases

echo "  install: by the action's tag, by version, the latest, none, one that was changed"
for as in "ref v1.2.3" "version 1.2.3" "version v1.2.3" "ref main" "version "; do
  : >"$GITHUB_PATH"
  name=PEEL_VERSION
  [ "${as%% *}" = version ] || name=PEEL_ACTION_REF
  expect 0 env "$name=${as#* }" "$action/install.sh"
  "$(cat "$GITHUB_PATH")/peel" --version >/dev/null || die "no peel installed: $as"
done
bin=$(cat "$GITHUB_PATH")
expect 2 env PEEL_VERSION=9.9.9 "$action/install.sh"
says "cannot download checksums.txt of peel 9.9.9"
expect 2 env "PEEL_VERSION=1/../../x" "$action/install.sh"
says "not a version"
expect 2 env RUNNER_ARCH=RISCV "$action/install.sh"
expect 2 env RUNNER_OS=macOS "$action/install.sh"
says "has no archive for darwin/amd64"
expect 2 env PEEL_VERSION=installed PATH=/usr/bin:/bin "$action/install.sh"
echo x >>"$tmp/releases/download/v1.2.3/peel_1.2.3_linux_amd64.tar.gz"
expect 2 env PEEL_VERSION=1.2.3 "$action/install.sh"
says "the checksums differ"
PATH=$bin:$PATH
expect 0 env PEEL_VERSION=installed "$action/install.sh"

echo "  check: a rule that fails, one that holds, flags, forms, wrong usage"
export INPUT_IMAGE=$sample
expect 0 env INPUT_SARIF=out.sarif INPUT_JUNIT=out.xml "$action/run.sh"
[ "$(output verdict)" = failed ] || die "the verdict is $(output verdict)"
says FAIL
says "::error title="
says '"peel.check/v1"' "$(output json)"
says '<!-- peel check ' "$(output markdown)"
says '<!-- peel check ' "$GITHUB_STEP_SUMMARY"
says '"2.1.0"' out.sarif
says '<testsuites' out.xml
markdown=$(output markdown)
expect 0 env INPUT_ARGS="--min-efficiency off --max-user-wasted=off --forbid '**/no such file' --max-wasted \"1 GB\"" "$action/run.sh"
[ "$(output verdict)" = passed ] || die "the verdict is $(output verdict)"
says '(limit 1.00 GB)'
says 'passed: 2 rules'
printf 'max-wasted: 1kB\n' >rules.yaml
expect 0 env INPUT_CONFIG=rules.yaml "$action/run.sh"
says rules.yaml
# Annotations land on the lines of the Dockerfile that is named.
mkdir -p build
printf 'FROM debian\n\nRUN rm -rf static release && npm run build\n' >build/Dockerfile
expect 0 env INPUT_DOCKERFILE=build/Dockerfile "$action/run.sh"
says "file=build/Dockerfile,line=3,"
expect 0 env INPUT_DOCKERFILE=none "$action/run.sh"
expect 2 env INPUT_DOCKERFILE=missing "$action/run.sh"
says "cannot read the Dockerfile"
# Nothing of an input is run.
expect 2 env INPUT_ARGS="--no-such-flag \$(touch $tmp/run) ; touch $tmp/run" "$action/run.sh"
[ ! -e "$tmp/run" ] || die "an input was run"
expect 3 env INPUT_IMAGE=missing.tar "$action/run.sh"
expect 3 env INPUT_IMAGE=--version "$action/run.sh"
[ -z "$(output verdict)" ] || die "a verdict without an image"
expect 1 env INPUT_IMAGE= "$action/run.sh"
says "no image"

echo "  comment: the first, the next, none outside a pull request, one that may not be written"
cat >"$tmp/bin/gh" <<'GH'
#!/usr/bin/env bash
echo "gh $*" >>"$GH_LOG"
[ -z "${GH_FAILS:-}" ] || exit 1
case $* in *--jq*) printf '%s' "$GH_COMMENTS" ;; esac
GH
chmod +x "$tmp/bin/gh"
export PATH=$tmp/bin:$PATH GH_LOG=$tmp/gh PEEL_MARKDOWN=$markdown GH_COMMENTS=
expect 0 "$action/comment.sh"
[ ! -e "$GH_LOG" ] || die "a comment outside a pull request"
export GITHUB_REF=refs/pull/7/merge
expect 0 "$action/comment.sh"
says "gh api --method POST repos/example/app/issues/7/comments --field body=@$markdown" "$GH_LOG"
expect 0 env GH_COMMENTS=$'41\n42' "$action/comment.sh"
says "gh api --method PATCH repos/example/app/issues/comments/41 --field body=@$markdown" "$GH_LOG"
says "startswith(\"$(head -n 1 "$markdown")\")" "$GH_LOG"
expect 0 env GH_FAILS=yes "$action/comment.sh"
says "::warning"
# Another image's comment has another mark; a file without one is no comment.
sed '1s/check ./check 0/' "$markdown" >"$tmp/other.md"
expect 0 env PEEL_MARKDOWN="$tmp/other.md" "$action/comment.sh"
says "startswith(\"$(head -n 1 "$tmp/other.md")\")" "$GH_LOG"
echo '<!-- peel check") | halt -->' >"$tmp/forged.md"
expect 0 env PEEL_MARKDOWN="$tmp/forged.md" "$action/comment.sh"
says "no comment"
if grep -q halt "$GH_LOG"; then die "a mark went into jq that peel does not write"; fi
echo "  the action's steps ran as they should"
