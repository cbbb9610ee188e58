#!/usr/bin/env bash
# Makes the picture of the HTML report: writes an image's report and takes a screenshot
# of it in headless Chromium, 1280 pixels wide.
#
#	docs/pictures/page.sh IMAGE [page.png]
#
# The picture in this folder shows app:1, an image with a Dockerfile full of
# faults. Needs Go and Chromium (Debian's package chromium).
set -euo pipefail

cd "$(dirname "$0")/../.."
image=${1:?which image}
out=${2:-docs/pictures/page.png}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

go run . report "$image" -f html -o "$work/report.html"
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
	--disable-background-networking --disable-component-update --disable-sync \
	--user-data-dir="$work/profile" --hide-scrollbars --window-size=1280,1160 \
	--virtual-time-budget=3000 --screenshot="$work/page.png" \
	"file://$work/report.html" >"$work/chromium.log" 2>&1 || { cat "$work/chromium.log" >&2; exit 1; }
mv "$work/page.png" "$out"
echo "$out"
