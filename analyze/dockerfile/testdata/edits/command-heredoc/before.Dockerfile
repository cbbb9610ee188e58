FROM debian
RUN <<EOF
set -e
  apt-get update
  apt-get install -y git
EOF
CMD x
