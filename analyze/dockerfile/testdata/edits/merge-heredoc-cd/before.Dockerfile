FROM debian
RUN <<EOF
cd /src
make
EOF
RUN <<EOF
make install
EOF
