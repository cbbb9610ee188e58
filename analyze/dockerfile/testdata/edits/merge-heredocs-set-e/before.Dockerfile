FROM debian
RUN <<EOF
set -e
apt-get update
apt-get install -y git
EOF
RUN <<EOF
set -e
# comments stay
rm -rf /a
rm -rf /b
EOF
