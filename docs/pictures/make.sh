#!/usr/bin/env bash
# Makes the pictures of this folder from the real program: runs it in tmux on
# the sample image, at 120 columns and 40 rows, presses keys, and turns what is
# on the screen into an SVG.
#
#	docs/pictures/make.sh [screen.svg]
#
# Needs Go and tmux. The program's own files are left alone; everything
# temporary is gone at the end.
set -euo pipefail

cd "$(dirname "$0")/../.."
out=${1:-docs/pictures/screen.svg}
work=$(mktemp -d)
socket=$work/tmux
trap 'tmux -S "$socket" kill-server 2>/dev/null || true; rm -rf "$work"' EXIT

go build -o "$work/peel" .
go build -o "$work/ansisvg" ./internal/ansisvg
printf 'set -g status off\nset -g default-terminal xterm-256color\n' >"$work/tmux.conf"

screen() { tmux -S "$socket" capture-pane -p "$@"; }

# wait_for TEXT: until TEXT is on the screen, ten seconds at most.
wait_for() {
	for _ in $(seq 100); do
		if screen | grep -qF -- "$1"; then
			return
		fi
		sleep 0.1
	done
	echo "make.sh: no \"$1\" on the screen:" >&2
	screen >&2
	exit 1
}

# One tmux of our own, with its own socket and configuration. The program sees
# a terminal of true colours, and nothing of a tmux around it.
env -u TMUX LC_ALL=C.UTF-8 tmux -u -S "$socket" -f "$work/tmux.conf" \
	new-session -d -x 120 -y 40 \
	"env -u TMUX -u NO_COLOR TERM=xterm-256color COLORTERM=truecolor LC_ALL=C.UTF-8 '$work/peel' testdata/sample.tar"

# The story of one file: copied up whole by a chown, then covered. After layer
# 7, the directories that lead to it open.
wait_for "Files after layer 10"
for key in C g '[' '[' '[' j l l l l l l; do
	tmux -S "$socket" send-keys "$key"
	sleep 0.1
done
wait_for "/srv/shop/static/hero.jpg"
wait_for "Files after layer 7"

screen -e | "$work/ansisvg" >"$work/screen.svg"
mv "$work/screen.svg" "$out"
echo "$out"
