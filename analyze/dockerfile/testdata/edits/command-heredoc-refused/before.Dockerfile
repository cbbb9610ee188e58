FROM debian
RUN <<EOF
for a in b; do
  x
done
EOF
