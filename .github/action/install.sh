#!/usr/bin/env bash
# Installs a release of peel for the steps that follow, its checksum verified.
#
#   PEEL_VERSION      1.2.3 or v1.2.3; "installed" for the peel that is there;
#                     empty: that of PEEL_ACTION_REF if it is a version's tag, else
#                     the latest
#   PEEL_RELEASES     where releases are (default: those on GitHub)
#   RUNNER_OS, RUNNER_ARCH, RUNNER_TEMP, GITHUB_PATH   as GitHub's runner sets them
set -euo pipefail

fail() {
  echo "::error title=peel::$*"
  exit 2
}

version=${PEEL_VERSION:-}
if [ "$version" = installed ]; then
  command -v peel >/dev/null || fail "version is \"installed\", but there is no peel"
  exit 0
fi
if [ -z "$version" ] && [[ ${PEEL_ACTION_REF:-} =~ ^v[0-9]+\.[0-9]+\.[0-9]+ ]]; then
  version=$PEEL_ACTION_REF
fi
version=${version#v}
[[ $version =~ ^[0-9A-Za-z.-]*$ ]] || fail "not a version of peel"

case ${RUNNER_OS:-Linux} in
  Linux) os=linux ;;
  macOS) os=darwin ;;
  Windows) os=windows ;;
  *) fail "there is no peel for this system" ;;
esac
case ${RUNNER_ARCH:-X64} in
  X64) arch=amd64 ;;
  ARM64) arch=arm64 ;;
  *) fail "there is no peel for this processor" ;;
esac

releases=${PEEL_RELEASES:-https://github.com/peelhq/peel/releases}
from=$releases/latest/download
[ -z "$version" ] || from=$releases/download/v$version
dir=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/peel-XXXXXX")
get() { curl -fsSL --retry 3 -o "$dir/$1" "$from/$1" || fail "cannot download $1 of peel ${version:-(latest)}"; }

# The list of checksums has the same name in every release; it names the others.
get checksums.txt
line=$(grep -E "^[0-9a-f]{64}  peel_${version:-[0-9A-Za-z.-]+}_${os}_${arch}\.(tar\.gz|zip)$" "$dir/checksums.txt" || true)
[[ -n $line && $line != *$'\n'* ]] || fail "peel ${version:-(latest)} has no archive for $os/$arch"
archive=${line##* }
get "$archive"
(
  cd "$dir"
  if command -v sha256sum >/dev/null; then sha256sum -c - <<<"$line"; else shasum -a 256 -c - <<<"$line"; fi
) >/dev/null || fail "$archive is not what its release says: the checksums differ"
mkdir "$dir/bin"
case $archive in
  *.zip) unzip -q "$dir/$archive" -d "$dir/bin" ;;
  *) tar -xzf "$dir/$archive" -C "$dir/bin" ;;
esac
"$dir/bin/peel" --version
# Windows finds programs by its own form of the path.
bin=$dir/bin
[ "$os" != windows ] || bin=$(cygpath -w "$bin")
echo "$bin" >>"$GITHUB_PATH"
