FROM debian
RUN <<EOF
(
cd /src
make
) &&
make install
EOF
