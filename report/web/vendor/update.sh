#!/usr/bin/env bash
# Brings d3-hierarchy, the library that lays out the treemap of an HTML report,
# to another version: the minified file and its licence, as npm has them.
#
#	report/web/vendor/update.sh [VERSION]    (default: the newest)
#
# The version is in the file's first line. Afterwards, run the tests with a
# Chromium on the machine: PEEL_INTEGRATION=require go test ./integration -run HTML
# Needs npm, which checks the package against the registry's digest.
set -euo pipefail

cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

npm pack --silent --pack-destination "$work" "d3-hierarchy@${1:-latest}" >/dev/null
tar -xzf "$work"/d3-hierarchy-*.tgz -C "$work"
cp "$work/package/dist/d3-hierarchy.min.js" d3-hierarchy.min.js
cp "$work/package/LICENSE" d3-hierarchy.LICENSE
chmod 644 d3-hierarchy.min.js d3-hierarchy.LICENSE
head -n 1 d3-hierarchy.min.js
