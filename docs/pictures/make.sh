#!/usr/bin/env bash
# Makes the pictures of this folder from the real program: runs it in tmux on
# the sample image, at 120 columns and 40 rows, presses keys, and turns what is
# on the screen into an SVG each.
#
#	docs/pictures/make.sh [FOLDER]
#
# Needs Go and tmux. The program's own files are left alone; everything
# temporary is gone at the end.
set -euo pipefail

cd "$(dirname "$0")/../.."
out=${1:-docs/pictures}
work=$(mktemp -d)
socket=$work/tmux
trap 'tmux -S "$socket" kill-server 2>/dev/null || true; rm -rf "$work"' EXIT

go build -o "$work/peel" .
go build -o "$work/ansisvg" ./internal/ansisvg
printf 'set -g status off\nset -g default-terminal xterm-256color\nset -s escape-time 0\n' >"$work/tmux.conf"
mkdir -p "$out" "$work/config"

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

# picture NAME TEXT KEY...: presses keys and draws the screen once TEXT is on it.
# One tmux of our own, with its own socket and configuration. The program sees
# a terminal of true colours, and nothing of a tmux around it.
folder=$PWD # that the program runs in
picture() {
	local name=$1 text=$2
	shift 2
	socket=$work/$name.tmux # of its own: the server before may still be ending
	env -u TMUX LC_ALL=C.UTF-8 tmux -u -S "$socket" -f "$work/tmux.conf" \
		new-session -d -x 120 -y 40 -c "$folder" \
		"env -u TMUX -u NO_COLOR TERM=xterm-256color COLORTERM=truecolor LC_ALL=C.UTF-8 \
		XDG_CONFIG_HOME='$work/config' '$work/peel' --no-cache testdata/sample.tar"
	wait_for "Files after layer 10"
	for key in "$@"; do
		tmux -S "$socket" send-keys "$key"
		sleep 0.15
	done
	wait_for "$text"
	screen -e | "$work/ansisvg" >"$work/$name.svg"
	tmux -S "$socket" kill-server
	mv "$work/$name.svg" "$out/$name.svg"
	echo "$out/$name.svg"
}

# The story of one file: copied up whole by a chown, then covered. After layer
# 7, the directories that lead to it open.
picture screen "/srv/shop/static/hero.jpg" C g '[' '[' '[' j l l l l l
# What to change, and what one fix would save: with a Dockerfile made of the history.
mkdir -p "$work/shop/testdata"
cp testdata/sample.tar "$work/shop/testdata/"
"$work/peel" report --no-cache testdata/sample.tar -f dockerfile -o "$work/shop/Dockerfile"
folder=$work/shop
picture fix "1 chosen" 2 j j j Space
folder=$PWD
# A file that was deleted, as of the layer that still has it.
picture viewer "PAYMENT_KEY" / . e n v Enter v
# The same path in two layers: what a later step changed.
picture compare "@@" / n g i n x . c o n f Enter d
# What the image says of itself.
picture image "How it was built" 3
# Only what matches.
picture filter "matched" f c a u s e : m e t a d a t a Enter
