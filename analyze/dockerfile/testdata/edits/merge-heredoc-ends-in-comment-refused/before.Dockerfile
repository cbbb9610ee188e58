FROM debian
RUN <<EOF
make
# done
EOF
RUN <<EOF
make install
EOF
