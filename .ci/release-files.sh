#!/usr/bin/env bash
# Writes what a release carries beside the binary: completions and man pages.
# Usage: .ci/release-files.sh DIR
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:?usage: release-files.sh DIR}
mkdir -p "$dir/completions" "$dir/man"

# For the machine that builds, whatever the release is built for.
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
GOOS='' GOARCH='' go build -trimpath -o "$bin/peel" .

for shell in bash zsh fish; do "$bin/peel" completion $shell >"$dir/completions/peel.$shell"; done
"$bin/peel" completion powershell >"$dir/completions/peel.ps1"
# The page bears the date of the commit, not of the day on which it was built,
# and gzip notes neither name nor time: the same commit gives the same bytes.
date=$(git log -1 --format=%cs 2>/dev/null || date +%F)
"$bin/peel" man | sed "1s/\"[0-9-]*\"/\"$date\"/" | gzip -9n >"$dir/man/peel.1.gz"

for f in "$dir"/completions/* "$dir"/man/*; do
  [ "$(wc -c <"$f")" -gt 200 ] || { echo "$f is all but empty" >&2; exit 1; }
done
