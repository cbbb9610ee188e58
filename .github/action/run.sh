#!/usr/bin/env bash
# Runs peel check for the action: the text goes to the log, annotations to the
# changed files, the Markdown to the summary of the step. It succeeds also if a
# rule fails: the action's last step fails then, after the comment.
#
#   INPUT_IMAGE, INPUT_CONFIG, INPUT_DOCKERFILE, INPUT_ARGS, INPUT_SARIF,
#   INPUT_JUNIT   the inputs
#   GITHUB_OUTPUT, GITHUB_STEP_SUMMARY, RUNNER_TEMP   as GitHub's runner sets them
set -euo pipefail

dir=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/peel-XXXXXX")
flags=(-f text -o - -f github -o "$dir/annotations" -f json -o "$dir/peel.json" -f markdown -o "$dir/peel.md")
[ -z "${INPUT_SARIF:-}" ] || flags+=(-f sarif -o "$INPUT_SARIF")
[ -z "${INPUT_JUNIT:-}" ] || flags+=(-f junit -o "$INPUT_JUNIT")
[ -z "${INPUT_CONFIG:-}" ] || flags+=(--config "$INPUT_CONFIG")
[ -z "${INPUT_DOCKERFILE:-}" ] || flags+=(--dockerfile "$INPUT_DOCKERFILE")
# Quotes group words as in a shell; nothing else of a shell is done.
if [ -n "${INPUT_ARGS:-}" ]; then
  words=$(xargs -n 1 printf '%s\n' <<<"$INPUT_ARGS")
  while IFS= read -r word; do
    [ -z "$word" ] || flags+=("$word")
  done <<<"$words"
fi

# One image a line; without any, peel checks those that the rules file names.
images=()
while read -r image; do
  [ -z "$image" ] || images+=("$image")
done <<<"${INPUT_IMAGE:-}"

code=0
# Some runners show colours, and none of them is a terminal.
CLICOLOR_FORCE=${CLICOLOR_FORCE-1} peel check "${flags[@]}" -- ${images[@]+"${images[@]}"} || code=$?
case $code in
  0) verdict=passed ;;
  1) verdict=failed ;;
  *) exit "$code" ;;
esac
cat "$dir/annotations"
{
  echo "verdict=$verdict"
  echo "json=$dir/peel.json"
  echo "markdown=$dir/peel.md"
} >>"$GITHUB_OUTPUT"
