#!/usr/bin/env bash
# Compares vendorHash in packaging/nix/package.nix with the folder that go mod vendor
# writes for this tree. It changes with every module and with the packages imported.
#
#   .ci/nix-hash.sh        fails if it differs
#   .ci/nix-hash.sh -w     writes it
#
# It needs Debian's package nix-bin, and temporarily 200 MB of disk.
set -euo pipefail
cd "$(dirname "$0")/.."
file=packaging/nix/package.nix
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
git ls-files -z --cached --others --exclude-standard |
  tar --null --files-from=- --ignore-failed-read -cf - 2>/dev/null | tar -C "$tmp" -xf -
hash=$(cd "$tmp" && go mod vendor && nix --extra-experimental-features nix-command hash path vendor 2>"$tmp/log") || { cat "$tmp/log" >&2; exit 1; }
[ "${1:-}" != -w ] || sed -i "s|vendorHash = \".*\"|vendorHash = \"$hash\"|" $file
grep -qF "vendorHash = \"$hash\"" $file || { echo "$file: vendorHash must be $hash; .ci/nix-hash.sh -w writes it" >&2; exit 1; }
