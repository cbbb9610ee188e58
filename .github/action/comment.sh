#!/usr/bin/env bash
# Puts the verdict in a comment on the pull request that the run is of, instead of
# the one that an earlier run has left. That it cannot (a fork's runs may not
# write) is a warning, not a failure.
#
#   PEEL_MARKDOWN   the file with the comment; its first line tells it from others
#   GH_TOKEN, GITHUB_REF, GITHUB_REPOSITORY   for gh, GitHub's command line
set -euo pipefail

if ! [[ ${GITHUB_REF:-} =~ ^refs/pull/([0-9]+)/merge$ ]]; then
  echo "not a pull request: no comment"
  exit 0
fi
issues=repos/$GITHUB_REPOSITORY/issues
pull=$issues/${BASH_REMATCH[1]}
# The first line names the images and the rules, so that two steps of a pipeline
# keep two comments. It goes into a program of jq's: it must be what peel writes.
mark=$(head -n 1 "$PEEL_MARKDOWN")
if ! [[ $mark =~ ^'<!-- peel check '[0-9a-f]+' -->'$ ]]; then
  echo "::warning title=peel::no comment: the file does not begin with the mark of a check"
  exit 0
fi
# A comment of somebody else's that begins with the mark is not replaced: its author
# could change it afterwards. A workflow's own token may not ask who it is, and writes
# as a bot.
by='.user.type == "Bot"'
login=$(gh api user --jq .login 2>/dev/null || true)
if [[ $login =~ ^[A-Za-z0-9-]+$ ]]; then by=".user.login == \"$login\""; fi
comment() {
  local id
  id=$(gh api --paginate "$pull/comments" --jq ".[] | select($by and (.body | startswith(\"$mark\"))) | .id") || return 1
  id=${id%%$'\n'*}
  if [ -n "$id" ]; then
    gh api --method PATCH "$issues/comments/$id" --field "body=@$PEEL_MARKDOWN" --silent
  else
    gh api --method POST "$pull/comments" --field "body=@$PEEL_MARKDOWN" --silent
  fi
}
comment || echo "::warning title=peel::cannot write the comment: the job wants the permission pull-requests: write, which runs for a fork do not get"
