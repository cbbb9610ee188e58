#!/usr/bin/env bash
# Publishes a release's manifests to package managers. The release must be public, since
# people can download it from then on. Each manifest has its own repository, and its own
# secret in the environment; if the secret is missing, the script says so and goes on.
#
#   HOMEBREW_TOKEN   peelhq/homebrew-tap    SCOOP_TOKEN   peelhq/scoop-bucket
#   NUR_TOKEN        peelhq/nur             WINGET_TOKEN  peelhq/winget-pkgs, and a pull
#   AUR_KEY          an SSH key of AUR                    request to microsoft/winget-pkgs
#
# It publishes no pre-release, and skips manifests that are already published.
# Usage: .ci/publish-packages.sh DIST
#   PEEL_FORGE, PEEL_AUR: where the repositories are, for its test
set -euo pipefail
dist=$(realpath "${1:?usage: publish-packages.sh DIST}")
here=$(realpath "$(dirname "$0")/..")
forge=${PEEL_FORGE:-https://github.com}
aur=${PEEL_AUR:-ssh://aur@aur.archlinux.org}
version=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["version"])' "$dist/metadata.json")
case $version in *-*) echo "$version is a pre-release: nothing is handed on"; exit ;; esac

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export GIT_TERMINAL_PROMPT=0 GIT_AUTHOR_NAME=peel GIT_AUTHOR_EMAIL=peelhq@users.noreply.github.com
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
failed=()

# as_token TOKEN COMMAND... runs git with a token that process lists don't show.
as_token() {
  local token=$1
  shift
  GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.https://github.com/.extraheader \
    GIT_CONFIG_VALUE_0="Authorization: Basic $(printf 'x-access-token:%s' "$token" | base64 -w0)" "$@"
}

# as_key KEY COMMAND... runs git with an SSH key, and connects only to known hosts.
as_key() {
  (umask 077 && printf '%s\n' "$1" >"$tmp/key")
  shift
  GIT_SSH_COMMAND="ssh -i $tmp/key -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=$here/packaging/aur_known_hosts" "$@"
}

# commit DIR commits the changes in a clone; it fails if there are none.
commit() {
  git -C "$1" add --all --sparse
  ! git -C "$1" diff --cached --quiet || { echo "  it is there already"; return 1; }
  git -C "$1" commit -qm "peel $version"
}

# hand NAME SECRET AS URL FROM TO... copies files into a repository, and pushes it.
hand() {
  local name=$1 secret=$2 as=$3 url=$4 to=$tmp/$1
  shift 4
  echo "$name"
  [ -n "$secret" ] || { echo "  left out: it has no secret here"; return; }
  # One failure doesn't stop the others.
  "$as" "$secret" git clone -q --depth 1 "$url" "$to" || { failed+=("$name"); return; }
  while [ $# -gt 0 ]; do
    mkdir -p "$(dirname "$to/$2")"
    cp "$dist/$1" "$to/$2"
    shift 2
  done
  commit "$to" || return 0
  "$as" "$secret" git -C "$to" push -q origin HEAD || failed+=("$name")
}

# winget has one repository for all packages: push a branch to a fork, and open a pull request.
winget() {
  local to=$tmp/winget branch=peel-$version
  echo winget
  [ -n "${WINGET_TOKEN:-}" ] || { echo "  left out: it has no secret here"; return; }
  as_token "$WINGET_TOKEN" git clone -q --depth 1 --filter=blob:none --sparse "$forge/microsoft/winget-pkgs" "$to" || { failed+=(winget); return; }
  cp -r "$dist/winget/manifests" "$to/"
  commit "$to" || return 0
  as_token "$WINGET_TOKEN" git -C "$to" push -q --force "$forge/peelhq/winget-pkgs" "HEAD:refs/heads/$branch" &&
    GH_TOKEN=$WINGET_TOKEN gh pr create --repo microsoft/winget-pkgs --head "peelhq:$branch" \
      --title "New version: peelhq.peel version $version" --body "https://github.com/peelhq/peel/releases/tag/v$version" || failed+=(winget)
}

hand Homebrew "${HOMEBREW_TOKEN:-}" as_token "$forge/peelhq/homebrew-tap" homebrew/Casks/peel.rb Casks/peel.rb
hand Scoop "${SCOOP_TOKEN:-}" as_token "$forge/peelhq/scoop-bucket" scoop/peel.json bucket/peel.json
hand Nix "${NUR_TOKEN:-}" as_token "$forge/peelhq/nur" nix/pkgs/peel/default.nix pkgs/peel/default.nix
hand AUR "${AUR_KEY:-}" as_key "$aur/peel-bin.git" aur/peel-bin.pkgbuild PKGBUILD aur/peel-bin.srcinfo .SRCINFO
winget

[ ${#failed[@]} -eq 0 ] || { echo "not handed on: ${failed[*]}. Run the step again." >&2; exit 1; }
