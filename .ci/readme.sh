#!/usr/bin/env bash
# Runs the commands in README.md, and those in docs that need Go or an engine. The test
# TestDocsCommands runs all others.
# Usage: .ci/readme.sh        (in the folder to run them in: a fresh copy)
#
# A block of commands is fenced with ```sh, and the line above the fence is its mark:
#   <!-- run -->           every line must succeed
#   <!-- run: exit N -->   the block must end with exit code N
#   <!-- run: clone -->    like "run"; it needs a clone of the repository, and Go
#   <!-- run: engines -->  like "run", if a Docker engine answers and CONTAINER_HOST
#                          names podman's service; the sample image is first
#                          loaded into both
#   <!-- not run: WHY -->  not run
# A block in README.md without such a line is an error. In other pages, only the
# blocks with "clone" and "engines" are run.
set -euo pipefail

work=$(mktemp -d)
loaded=
cleanup() {
  [ -z "$loaded" ] || { docker rmi -f shop:1.4; podman rmi -f shop:1.4; } >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

# Write one file per block: its first line is the page, the second the mark, the others
# are the commands.
mapfile -t pages < <(echo README.md; find docs -name '*.md' | sort)
awk -v dir="$work" '
  /^```sh$/ && !inside {
    inside = 1
    if (FILENAME != "README.md" && previous !~ /^<!-- run: (clone|engines) -->$/) { file = "/dev/null"; next }
    file = sprintf("%s/%02d.sh", dir, ++n)
    print FILENAME "\n" previous > file
    next
  }
  /^```/ && inside     { inside = 0; close(file); previous = ""; next }
  inside               { print > file; next }
  NF                   { previous = $0 }
' "${pages[@]}"

# The README says "peel" where it is installed.
mkdir "$work/bin"
go build -o "$work/bin/peel" .
export PATH=$work/bin:$PATH

ran=0
for block in "$work"/*.sh; do
  page=$(head -n 1 "$block") mark=$(sed -n 2p "$block")
  want=0
  case $mark in
    '<!-- run -->' | '<!-- run: clone -->') ;;
    '<!-- run: exit '[0-9]*' -->') want=$(tr -dc 0-9 <<<"$mark") ;;
    '<!-- run: engines -->')
      if [ -z "${CONTAINER_HOST:-}" ] || ! docker version >/dev/null 2>&1; then
        [ -z "${CI:-}" ] || { echo "$page: no engines to run a block with" >&2; exit 1; }
        continue
      fi
      loaded=yes
      for engine in docker podman; do
        "$engine" load -q -i testdata/sample.tar >"$work/output" 2>&1 || { cat "$work/output" >&2; exit 1; }
      done
      ;;
    '<!-- not run: '*' -->') continue ;;
    *)
      echo "$page: a block of commands without a mark (see .ci/readme.sh):" >&2
      cat "$block" >&2
      exit 1
      ;;
  esac
  tail -n +3 "$block" >"$work/commands"
  sed 's/^/  $ /' "$work/commands"
  got=0
  bash -euo pipefail "$work/commands" >"$work/output" 2>&1 </dev/null || got=$?
  if [ "$got" != "$want" ]; then
    cat "$work/output"
    echo "$page: exit code $got, want $want" >&2
    exit 1
  fi
  ran=$((ran + 1))
done
[ "$ran" -ge 2 ] || { echo "only $ran blocks ran" >&2; exit 1; }
echo "  $ran blocks of README.md and docs succeeded"
