#!/usr/bin/env bash
# Runs the steps of the GitHub Action (action.yml), with a release made here and the
# environment of GitHub's runner; only gh is a stand-in.
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
# expect CODE COMMAND... runs a step and writes its output to the log.
expect() {
  local want=$1 got=0
  shift
  : >"$GITHUB_OUTPUT"
  : >"$GITHUB_STEP_SUMMARY"
  "$@" >"$tmp/log" 2>&1 || got=$?
  [ "$got" = "$want" ] || die "exit code $got, want $want: $*"
}
says() { grep -qF -- "$1" "${2:-$tmp/log}" || die "${2:-the log} lacks: $1"; }
output() { sed -n "s/^$1=//p" "$GITHUB_OUTPUT"; }

# A release with goreleaser's file names. The installed program prints its version.
release() {
  local to=$tmp/releases/download/v$1
  mkdir -p "$to"
  printf '#!/bin/sh\n[ "$*" != --version ] || { echo "peel %s"; exit; }\nexec "%s" "$@"\n' "$1" "$peel" >"$tmp/bin/peel"
  chmod +x "$tmp/bin/peel"
  tar -C "$tmp/bin" -czf "$to/peel_$1_linux_amd64.tar.gz" peel
  (cd "$to" && sha256sum ./*.tar.gz | sed 's# \./# #' >checksums.txt)
}
# The repository at the commit of release 1.2.3.
mkdir "$tmp/repo"
cp -r "$action" "$tmp/repo/action"
echo 1.2.3 >"$tmp/repo/action/version"
install=$tmp/repo/action/install.sh
own=$(cat "$action/version")
for version in 1.2.3 2.0.0-rc.1 2.0.0 "$own"; do release "$version"; done
rm "$tmp/bin/peel"
export PEEL_RELEASES=file://$tmp/releases

# A stand-in for the parts of gh that the action uses. GH_SAYS is its exit code for an
# attestation, or "old" for a gh that doesn't know all flags.
cat >"$tmp/bin/gh" <<'GH'
#!/usr/bin/env bash
echo "gh $*" >>"$GH_LOG"
[ -n "${GH_TOKEN:-}" ] || { echo "gh: no token" >&2; exit 4; }
case "$*" in
  'attestation verify --help') [ "${GH_SAYS:-0}" = old ] || echo '  --source-ref string   Ref ...' ;;
  'attestation verify '*)
    echo "::error::verifying $3"
    exit "${GH_SAYS:-0}"
    ;;
esac
[ -z "${GH_FAILS:-}" ] || exit 1
case $* in
  'api user '*) printf '%s' "${GH_LOGIN:?may not be asked}" ;; # a workflow's own token may not ask
  *--jq*) printf '%s' "$GH_COMMENTS" ;;
esac
GH
chmod +x "$tmp/bin/gh"
export GH_LOG=$tmp/gh GH_COMMENTS=
# Simulate a machine without gh.
mkdir "$tmp/plain"
for tool in bash env cat curl dirname grep gzip mkdir mktemp sed sha256sum tar; do ln -s "$(command -v $tool)" "$tmp/plain/"; done

echo "  install: the release of the action's commit, another, none, one that was changed"
# installs VERSION NAME=VALUE... installs peel and checks its version.
installs() {
  local want=$1
  shift
  : >"$GITHUB_PATH"
  expect 0 env PATH="$tmp/plain" "$@" "$install"
  says "peel $want: the checksum is verified; the attestation is not, because gh is not installed"
  [ "$("$(cat "$GITHUB_PATH")/peel" --version)" = "peel $want" ] || die "another peel than $want"
}
# The action can be referenced by a tag, a moved tag, a branch or a commit.
for ref in v1.2.3 v1 v9.9.9 main 0123456789abcdef0123456789abcdef01234567; do
  installs 1.2.3 GITHUB_ACTION_REF=$ref PEEL_ACTION_REF=$ref PEEL_VERSION=
done
installs 2.0.0 PEEL_VERSION=2.0.0
installs 2.0.0 PEEL_VERSION=v2.0.0
installs 2.0.0-rc.1 PEEL_VERSION=v2.0.0-rc.1
install=$action/install.sh
installs "$own" PEEL_VERSION=
install=$tmp/repo/action/install.sh
expect 2 env PEEL_VERSION=9.9.9 "$install"
says "cannot download checksums.txt of peel 9.9.9"
for version in "1/../../x" latest v1 1.2 "1.2.3 --help"; do
  expect 2 env PEEL_VERSION="$version" "$install"
  says "not a version"
done
expect 2 env RUNNER_ARCH=RISCV "$install"
expect 2 env RUNNER_OS=macOS "$install"
says "has no archive for darwin/amd64"
expect 2 env PEEL_VERSION=installed PATH="$tmp/plain" "$install"

echo "  attestation: right, wrong, not asked for"
PATH=$tmp/bin:$PATH
# attests CODE SAYS NAME=VALUE... installs peel on a machine with gh.
attests() {
  local code=$1 text=$2
  shift 2
  : >"$GITHUB_PATH"
  : >"$GH_LOG"
  expect "$code" env GH_TOKEN=secret "$@" "$install"
  says "$text"
  [ "$code" = 0 ] || [ ! -s "$GITHUB_PATH" ] || die "installed anyway: $*"
  if grep -qE '^ *::' "$tmp/log" && [ "$code" = 0 ]; then die "what gh says is a command to the runner"; fi
}
attests 0 "peel 1.2.3: the checksum and the attestation are verified" GH_SAYS=0
says "--repo peelhq/peel --signer-workflow peelhq/peel/.github/workflows/release.yaml --source-ref refs/tags/v1.2.3" "$GH_LOG"
attests 0 "peel 2.0.0: the checksum and the attestation are verified" PEEL_VERSION=2.0.0
says "--source-ref refs/tags/v2.0.0" "$GH_LOG"
attests 2 "gh cannot verify that peel's release workflow built it" GH_SAYS=1
says "gh: ::error::verifying"
attests 2 "Nothing is installed" GH_SAYS=2
attests 0 "is not, because gh is not logged in" GH_SAYS=4
attests 0 "is not, because gh is too old" GH_SAYS=old
attests 0 "is not, because gh has no token" GH_TOKEN=
attests 0 "is not, because the token is one of https://git.example" GITHUB_SERVER_URL=https://git.example
echo x >>"$tmp/releases/download/v1.2.3/peel_1.2.3_linux_amd64.tar.gz"
attests 2 "the checksums differ" GH_SAYS=0
[ ! -s "$GH_LOG" ] || die "gh was asked about an archive with a wrong checksum"
release 1.2.3
rm "$tmp/bin/peel"
expect 0 "$install"
PATH=$(cat "$GITHUB_PATH" | tail -n 1):$PATH
expect 0 env PEEL_VERSION=installed "$install"

echo "  release: the tag must be the version that the action installs, and new"
mkdir "$tmp/repo/.ci" "$tmp/repo/.github"
cp "$(dirname "$action")/../.ci/release-tag.sh" "$tmp/repo/.ci/"
mv "$tmp/repo/action" "$tmp/repo/.github/action"
tag() { expect "$1" env -u GITHUB_ACTIONS "$tmp/repo/.ci/release-tag.sh" "$2"; }
tag 0 v1.2.3
tag 1 v1.2.4
says ".github/action/version says 1.2.3"
for name in v1 v1.2 1.2.3 main v1.2.3+x; do
  tag 1 "$name"
  says "a release's tag is a version"
done
export GH_TOKEN=secret
expect 0 "$tmp/repo/.ci/release-tag.sh" v1.2.3
expect 0 env GH_COMMENTS=true "$tmp/repo/.ci/release-tag.sh" v1.2.3
expect 1 env GH_COMMENTS=false "$tmp/repo/.ci/release-tag.sh" v1.2.3
says "it is released already"

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
says 'passed: '
printf 'max-wasted: 1kB\n' >rules.yaml
expect 0 env INPUT_CONFIG=rules.yaml "$action/run.sh"
says rules.yaml
# Annotations refer to lines of the named Dockerfile.
mkdir -p build
printf 'FROM debian\n\nRUN rm -rf static release && npm run build\n' >build/Dockerfile
expect 0 env INPUT_DOCKERFILE=build/Dockerfile "$action/run.sh"
says "file=build/Dockerfile,line=3,"
expect 0 env INPUT_DOCKERFILE=none "$action/run.sh"
expect 2 env INPUT_DOCKERFILE=missing "$action/run.sh"
says "cannot read the Dockerfile"
# No part of an input is run.
expect 2 env INPUT_ARGS="--no-such-flag \$(touch $tmp/run) ; touch $tmp/run" "$action/run.sh"
[ ! -e "$tmp/run" ] || die "an input was run"
expect 3 env INPUT_IMAGE=missing.tar "$action/run.sh"
expect 3 env INPUT_IMAGE=--version "$action/run.sh"
[ -z "$(output verdict)" ] || die "a verdict without an image"
expect 2 env INPUT_IMAGE= "$action/run.sh"
says "images"
cp "$sample" one.tar
cp "$sample" two.tar
expect 0 env INPUT_IMAGE="$(printf '\n  one.tar\ntwo.tar  \n')" "$action/run.sh"
says one.tar "$(output markdown)"
says two.tar "$(output markdown)"
printf 'images: [{name: two.tar, max-wasted: 1kB}]\n' >rules.yaml
expect 0 env INPUT_IMAGE= INPUT_CONFIG=rules.yaml "$action/run.sh"
says two.tar

echo "  comment: the first, the next, none outside a pull request, one that may not be written"
rm -f "$GH_LOG"
export PEEL_MARKDOWN=$markdown
expect 0 "$action/comment.sh"
[ ! -e "$GH_LOG" ] || die "a comment outside a pull request"
export GITHUB_REF=refs/pull/7/merge
expect 0 "$action/comment.sh"
says "gh api --method POST repos/example/app/issues/7/comments --field body=@$markdown" "$GH_LOG"
expect 0 env GH_COMMENTS=$'41\n42' "$action/comment.sh"
says "gh api --method PATCH repos/example/app/issues/comments/41 --field body=@$markdown" "$GH_LOG"
says "startswith(\"$(head -n 1 "$markdown")\")" "$GH_LOG"
# Comments by others are never replaced, whatever they begin with.
says 'select(.user.type == "Bot" and ' "$GH_LOG"
expect 0 env GH_LOGIN=octocat GH_COMMENTS=43 "$action/comment.sh"
says 'select(.user.login == "octocat" and ' "$GH_LOG"
expect 0 env 'GH_LOGIN=x" or true or "' GH_COMMENTS=43 "$action/comment.sh"
if grep -qF 'or true' "$GH_LOG"; then die "a name runs in jq's program"; fi
expect 0 env GH_FAILS=yes "$action/comment.sh"
says "::warning"
# Another image's comment has another mark; a file without a mark isn't a comment.
sed '1s/check ./check 0/' "$markdown" >"$tmp/other.md"
expect 0 env PEEL_MARKDOWN="$tmp/other.md" "$action/comment.sh"
says "startswith(\"$(head -n 1 "$tmp/other.md")\")" "$GH_LOG"
echo '<!-- peel check") | halt -->' >"$tmp/forged.md"
expect 0 env PEEL_MARKDOWN="$tmp/forged.md" "$action/comment.sh"
says "no comment"
if grep -q halt "$GH_LOG"; then die "a mark went into jq that peel does not write"; fi
echo "  the action's steps passed"
