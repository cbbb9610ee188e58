FROM debian
Run --network=none <<'EOT'
(
make a \
    && cd /b; \
    make "c  d" | \
      tee /e
) && {
# then
set -e
rm /e && {
chmod 600 /a || true
}  }
EOT
LABEL a=b
