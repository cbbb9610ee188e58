#!/usr/bin/env bash
# Makes the pictures in this folder with the real program: runs it in tmux on the
# sample image, at 120 columns and 40 rows, presses keys, and saves each screen as an
# SVG.
#
#	docs/pictures/make.sh [FOLDER]
#
# Needs Go and tmux. It doesn't touch the program's own files, and deletes all
# temporary files at the end.
set -euo pipefail

cd "$(dirname "$0")/../.."
out=${1:-docs/pictures}
work=$(mktemp -d)
socket=$work/tmux
trap 'tmux -S "$socket" kill-server 2>/dev/null || true; rm -rf "$work"' EXIT

go build -o "$work/peel" .
go build -tags dev -o "$work/ansisvg" ./internal/ansisvg
printf 'set -g status off\nset -g default-terminal xterm-256color\nset -s escape-time 0\n' >"$work/tmux.conf"
mkdir -p "$out" "$work/config"

screen() { tmux -S "$socket" capture-pane -p "$@"; }

# wait_for TEXT waits until TEXT is on the screen, for at most ten seconds.
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

# picture NAME TEXT KEY... presses keys and draws the screen once TEXT is on it. It
# uses a separate tmux with its own socket and configuration. The program sees a
# terminal with true colours, and nothing of a tmux around it.
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

# The story of one file: copied up by a chown, then covered. After layer 7, the
# directories that lead to it open.
picture screen "/srv/shop/static/hero.jpg" C g '[' '[' '[' j l l l l l
# What to change, and how much one fix would save, with a Dockerfile made from the
# history.
mkdir -p "$work/shop/testdata"
cp testdata/sample.tar "$work/shop/testdata/"
"$work/peel" report --no-cache testdata/sample.tar -f dockerfile -o "$work/shop/Dockerfile"
folder=$work/shop
picture fix "1 chosen" 2 j j j Space
folder=$PWD
# A deleted file, in the layer that still has it.
picture viewer "PAYMENT_KEY" / . e n v Enter v
# The same path in two layers: what a later step changed.
picture compare "@@" / n g i n x . c o n f Enter d
# The image's own data.
picture image "How it was built" 3
# Only the matches of a filter.
picture filter "matched" f c a u s e : m e t a d a t a Enter

# film NAME STEP... records the first minute, at 100 columns and 30 rows. A step is
# SECONDS KEYS TEXT: it presses keys, waits for TEXT, and shows that screen for SECONDS.
film() {
	local name=$1 frames=() i=0 key
	shift
	socket=$work/$name.tmux
	env -u TMUX LC_ALL=C.UTF-8 tmux -u -S "$socket" -f "$work/tmux.conf" \
		new-session -d -x 100 -y 30 \
		"env -u TMUX -u NO_COLOR TERM=xterm-256color COLORTERM=truecolor LC_ALL=C.UTF-8 \
		XDG_CONFIG_HOME='$work/config' '$work/peel' --no-cache testdata/sample.tar"
	wait_for "Files after layer 10"
	while [ $# -gt 0 ]; do
		for key in $2; do
			tmux -S "$socket" send-keys "$key"
			sleep 0.2
		done
		wait_for "$3"
		screen -e >"$work/$name.$i"
		frames+=("$1:$work/$name.$i")
		i=$((i + 1))
		shift 3
	done
	tmux -S "$socket" kill-server
	"$work/ansisvg" "${frames[@]}" >"$work/$name.svg"
	mv "$work/$name.svg" "$out/$name.svg"
	echo "$out/$name.svg"
}

# What wastes space, layer by layer; then finding and reading a deleted file.
film first-minute \
	3 "C g" "Files after layer 10" \
	1.2 "[" "Files after layer 9" \
	1.2 "[" "Files after layer 8" \
	1.2 "[" "Files after layer 7" \
	1.5 "j l l" "static" \
	2 "l j" "static" \
	1 "/" "search:" \
	0.5 ". e" "search: .e" \
	0.8 "n v" "search: .env" \
	2 "Enter" ".env" \
	3 "v" "PAYMENT_KEY" \
	1 "q" "Layers" \
	1.5 "m" "alone" \
	1.5 "m m" "Everything" \
	1.5 "X" "Files after" \
	1 "f" "filter:" \
	0.5 "> 1 k B" "filter: >1kB" \
	2.5 "Enter" "[filter: >1kB" \
	1.5 "X" "Files after" \
	3 "3" "How it is run"
