FROM debian
RUN <<EOF
a
EOF
RUN echo 'b\
c' > /d
