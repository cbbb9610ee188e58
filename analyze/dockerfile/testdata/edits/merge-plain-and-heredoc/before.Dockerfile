FROM debian
Run --network=none \
    # the files
    make a \
    && cd /b; \

    # more
    make "c  d" | \
      tee /e
# then
RUN --network=none <<'EOT'
set -e
rm /e
EOT
LABEL a=b
RUN --network=none chmod 600 /a || true
