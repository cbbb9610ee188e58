#!/usr/bin/env bash
# Tests .ci/publish-packages.sh with repositories in a folder; only gh is a stand-in.
# Usage: .ci/publish-packages-test.sh DIST
set -euo pipefail
cd "$(dirname "$0")/.."
dist=$(realpath "${1:?usage: publish-packages-test.sh DIST}")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export PEEL_FORGE=file://$tmp PEEL_AUR=file://$tmp/aur GIT_CONFIG_GLOBAL=/dev/null
unset HOMEBREW_TOKEN SCOOP_TOKEN NUR_TOKEN WINGET_TOKEN AUR_KEY

die() {
  cat "$tmp/log" >&2
  echo "publish-packages: $*" >&2
  exit 1
}
publish() { .ci/publish-packages.sh "$tmp/dist" >"$tmp/log" 2>&1; }
repositories=(peelhq/homebrew-tap peelhq/scoop-bucket peelhq/nur aur/peel-bin.git microsoft/winget-pkgs peelhq/winget-pkgs)
commits() { for r in "${repositories[@]}"; do git -C "$tmp/$r" rev-list --all --count; done | tr '\n' ' '; }
# has REPOSITORY REV FILE FROM checks that a file is the same as in dist.
has() { git -C "$tmp/$1" show "$2:$3" | cmp - "$dist/$4" || die "$1 does not have $4 as $3"; }

mkdir "$tmp/bin"
printf '#!/bin/sh\necho "$GH_TOKEN $*" >>"%s/gh"\n' "$tmp" >"$tmp/bin/gh"
chmod +x "$tmp/bin/gh"
export PATH=$tmp/bin:$PATH
for r in "${repositories[@]}"; do
  git init -q --bare -b main "$tmp/$r"
  git -C "$tmp/$r" config uploadpack.allowFilter true
  tree=$(git -C "$tmp/$r" mktree </dev/null)
  git -C "$tmp/$r" update-ref refs/heads/main "$(git -C "$tmp/$r" -c user.name=a -c user.email=a@example commit-tree -m first "$tree")"
done
rm -rf "$tmp/peelhq/winget-pkgs"
git clone -q --bare "$tmp/microsoft/winget-pkgs" "$tmp/peelhq/winget-pkgs" # the fork
mkdir "$tmp/dist"
cp -r "$dist"/{homebrew,scoop,nix,aur,winget,metadata.json} "$tmp/dist/"

HOMEBREW_TOKEN=a publish || die "a pre-release fails"
[ "$(commits)" = "1 1 1 1 1 1 " ] || die "a pre-release was handed on"
sed -i 's/"version":"[^"]*"/"version":"1.2.3"/' "$tmp/dist/metadata.json"
publish || die "it fails without secrets"
[ "$(commits)" = "1 1 1 1 1 1 " ] && [ "$(grep -c 'left out' "$tmp/log")" -eq 5 ] || die "something was handed on without a secret"
SCOOP_TOKEN=b publish || die "it fails with one secret"
[ "$(commits)" = "1 2 1 1 1 1 " ] || die "one secret gives $(commits)"

export HOMEBREW_TOKEN=a SCOOP_TOKEN=b NUR_TOKEN=c WINGET_TOKEN=d AUR_KEY=e
publish || die "it fails"
[ "$(commits)" = "2 2 2 2 1 2 " ] || die "all secrets give $(commits)"
has peelhq/homebrew-tap main Casks/peel.rb homebrew/Casks/peel.rb
has peelhq/scoop-bucket main bucket/peel.json scoop/peel.json
has peelhq/nur main pkgs/peel/default.nix nix/pkgs/peel/default.nix
has aur/peel-bin.git main PKGBUILD aur/peel-bin.pkgbuild
has aur/peel-bin.git main .SRCINFO aur/peel-bin.srcinfo
for f in $(cd "$dist" && find winget/manifests -type f); do has peelhq/winget-pkgs peel-1.2.3 "${f#winget/}" "$f"; done
grep -q '^d pr create --repo microsoft/winget-pkgs --head peelhq:peel-1.2.3 ' "$tmp/gh" || die "no pull request"
if grep -qE 'Basic|x-access' "$tmp/log"; then die "the log contains a token"; fi

WINGET_TOKEN='' publish || die "it fails the second time"
[ "$(commits)" = "2 2 2 2 1 2 " ] || die "the second time gives $(commits)"
rm -rf "$tmp/peelhq/homebrew-tap"
sed -i s/1.2.3/1.2.4/ "$tmp/dist/metadata.json"
echo >>"$tmp/dist/scoop/peel.json"
if WINGET_TOKEN='' publish; then die "a repository that is missing is no error"; fi
grep -q 'not handed on: Homebrew. ' "$tmp/log" || die "it does not name what fails"
[ "$(git -C "$tmp/peelhq/scoop-bucket" rev-list --all --count)" -eq 3 ] || die "one that fails holds the others up"
echo "  manifests are published correctly"
