#!/usr/bin/env bash
# Checks whether a tag can become a release. It must be a version, and the one that the
# GitHub Action of this commit installs. So the action of any commit is pinned to one
# release, and the action of a release's commit to that release.
#
# Usage: .ci/release-tag.sh TAG      (v1.2.3, or v1.2.3-rc.1)
#
# In GitHub's workflow, the tag must also be new: a moved tag never becomes a release
# again.
set -euo pipefail
cd "$(dirname "$0")/.."
tag=${1:?usage: release-tag.sh TAG}

fail() {
  echo "cannot release $tag: $*" >&2
  exit 1
}

[[ $tag =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || fail "a release's tag is a version, as v1.2.3 or v1.2.3-rc.1"
pinned=$(cat .github/action/version)
[ "$tag" = "v$pinned" ] || fail ".github/action/version says $pinned. Write ${tag#v} into it, commit, and tag that commit"
if [ "${GITHUB_ACTIONS:-}" = true ]; then
  draft=$(gh release view "$tag" --json isDraft --jq .isDraft 2>/dev/null || echo none)
  [ "$draft" != false ] || fail "it is released already. A released tag is never moved: take the next version"
fi
echo "$tag can be released"
