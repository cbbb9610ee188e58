#!/usr/bin/env bash
# Makes the base image of integration/buildkit, an OCI layout: Debian with Python and
# pip, Node.js and npm, and Go, so that builds on it download nothing. It needs Docker,
# skopeo, debootstrap and root, and takes two minutes.
#
#   .ci/base.sh DIR
set -euo pipefail
dir=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"; docker rmi -f peel-ci-base:1 >/dev/null 2>&1 || true' EXIT
debootstrap --variant=minbase --include=ca-certificates bookworm "$tmp/root" >"$tmp/log" 2>&1 ||
  { tail -n 20 "$tmp/log"; exit 1; }
chroot "$tmp/root" sh -c 'export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update &&
  apt-get -qq install -y --no-install-recommends python3-pip python3-setuptools python3-wheel nodejs npm golang-go &&
  apt-get clean && rm -rf /var/lib/apt/lists/*' >"$tmp/log" 2>&1 </dev/null ||
  { tail -n 20 "$tmp/log"; exit 1; }
tar -C "$tmp/root" -cf - . | docker import - peel-ci-base:1 >/dev/null
mkdir -p "$(dirname "$dir")"
skopeo copy -q docker-daemon:peel-ci-base:1 "oci:$tmp/oci:latest"
rm -rf "$dir"
mv "$tmp/oci" "$dir"
