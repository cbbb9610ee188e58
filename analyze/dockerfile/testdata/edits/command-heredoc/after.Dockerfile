FROM debian
RUN <<EOF
set -e
  apt-get update
  apt-get install -y git &&
  rm -rf /c
EOF
CMD x
