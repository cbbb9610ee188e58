#!/usr/bin/env bash
# Writes a release's files other than the binary: completions, man page, and the
# documents of packages, compressed as distributions require.
# Usage: .ci/release-files.sh DIR VERSION      (1.2.3, or 1.2.3-rc.1)
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:?usage: release-files.sh DIR VERSION}
version=${2:?usage: release-files.sh DIR VERSION}
mkdir -p "$dir/completions" "$dir/man" "$dir/doc"

# Build for this machine, since the program runs here.
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
GOOS='' GOARCH='' go build -trimpath -o "$bin/peel" .

for shell in bash zsh fish; do "$bin/peel" completion $shell >"$dir/completions/peel.$shell"; done
"$bin/peel" completion powershell >"$dir/completions/peel.ps1"
# The page has the date of the commit, not of the build, and gzip stores neither name
# nor time, so the same commit gives the same bytes.
date=$(git log -1 --format=%cs 2>/dev/null || date +%F)
"$bin/peel" man | sed "1s/\"[0-9-]*\"/\"$date\"/" | gzip -9n >"$dir/man/peel.1.gz"

# Debian's changelog names the package's version; peel's own lists the changes.
{
  printf 'peel (%s-1) unstable; urgency=medium\n\n' "${version/-/\~}"
  printf '  * Release %s. /usr/share/doc/peel/changelog.gz says what has changed.\n\n' "$version"
  printf ' -- The peel authors <peelhq@users.noreply.github.com>  %s\n' "$(git log -1 --format=%cD 2>/dev/null || date -R)"
} | gzip -9n >"$dir/doc/changelog.Debian.gz"
gzip -9nc CHANGELOG.md >"$dir/doc/changelog.gz"
gzip -9nc THIRD_PARTY_NOTICES >"$dir/doc/THIRD_PARTY_NOTICES.gz"

for f in "$dir"/*/*; do
  [ "$(wc -c <"$f")" -gt 150 ] || { echo "$f is almost empty" >&2; exit 1; }
done
