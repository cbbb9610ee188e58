FROM debian
RUN <<EOF
apt-get update
apt-get install -y git && {
rm -rf /a
rm -rf /b
}
EOF
CMD x
