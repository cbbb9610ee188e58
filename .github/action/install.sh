#!/usr/bin/env bash
# Installs a release of peel for the steps that follow, after it has verified the
# checksum of the archive and, where GitHub's gh can, its attestation.
#
# Which release it is does not depend on how the action was referred to (a tag, a
# branch or a commit): the file "version" beside this script names it.
#
#   PEEL_VERSION      another release: 1.2.3 or v1.2.3; "installed" for the peel
#                     that is there
#   PEEL_RELEASES     where releases are (default: those on GitHub)
#   GH_TOKEN          a token for gh; without one, the attestation is not verified
#   RUNNER_OS, RUNNER_ARCH, RUNNER_TEMP, GITHUB_PATH, GITHUB_SERVER_URL
#                     as GitHub's runner sets them
set -euo pipefail

fail() {
  echo "::error title=peel::$*"
  exit 2
}

version=${PEEL_VERSION:-}
if [ "$version" = installed ]; then
  command -v peel >/dev/null || fail "version is \"installed\", but there is no peel on the PATH: install it in a step before"
  exit 0
fi
[ -n "$version" ] || version=$(cat "$(dirname "$0")/version")
version=${version#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || fail "the input version is not a version of peel: give one such as 1.2.3"

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

from=${PEEL_RELEASES:-https://github.com/peelhq/peel/releases}/download/v$version
dir=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/peel-XXXXXX")
get() { curl -fsSL --retry 3 -o "$dir/$1" "$from/$1" || fail "cannot download $1 of peel $version"; }

# The list of checksums has the same name in every release; it names the others.
get checksums.txt
line=$(grep -E "^[0-9a-f]{64}  peel_${version//./\\.}_${os}_${arch}\.(tar\.gz|zip)$" "$dir/checksums.txt" || true)
[[ -n $line && $line != *$'\n'* ]] || fail "peel $version has no archive for $os/$arch"
archive=${line##* }
get "$archive"
(
  cd "$dir"
  if command -v sha256sum >/dev/null; then sha256sum -c - <<<"$line"; else shasum -a 256 -c - <<<"$line"; fi
) >/dev/null || fail "$archive is not what its release says: the checksums differ"

# attested verifies that the release workflow of peel built the archive, from the
# tag of this version. Where gh cannot tell, it says why, and the checksum alone
# vouches for the archive; where gh says no, nothing is installed.
attested() {
  local why='' code=0
  if ! command -v gh >/dev/null; then
    why="gh is not installed"
  elif [ "${GITHUB_SERVER_URL:-https://github.com}" != https://github.com ]; then
    why="the token is one of $GITHUB_SERVER_URL, not of github.com"
  elif [ -z "${GH_TOKEN:-}" ]; then
    why="gh has no token"
  # Older ones pass what has no attestation (GO-2025-3467).
  elif ! gh attestation verify --help 2>/dev/null | grep -q -- --source-ref; then
    why="gh is too old"
  fi
  if [ -z "$why" ]; then
    gh attestation verify "$dir/$archive" --repo peelhq/peel \
      --signer-workflow peelhq/peel/.github/workflows/release.yaml \
      --source-ref "refs/tags/v$version" >"$dir/attestation.log" 2>&1 || code=$?
    case $code in
      0)
        echo "peel $version: the checksum and the attestation are verified"
        return
        ;;
      4) why="gh is not logged in" ;; # the exit code that gh has for this
      *)
        # Text from outside: no line of it is a command to the runner.
        sed 's/##\[/# #[/g; s/^/gh: /' "$dir/attestation.log"
        fail "$archive: gh cannot verify that peel's release workflow built it. Nothing is installed"
        ;;
    esac
  fi
  echo "peel $version: the checksum is verified; the attestation is not, because $why"
}
attested

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
