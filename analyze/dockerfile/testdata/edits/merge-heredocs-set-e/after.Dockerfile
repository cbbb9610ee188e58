FROM debian
RUN <<EOF
set -e
apt-get update
apt-get install -y git && {
set -e
# comments stay
rm -rf /a
rm -rf /b
}
EOF
