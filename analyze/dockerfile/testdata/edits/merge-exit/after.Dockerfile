FROM debian
RUN ( test -f /x || exit 0 ) \
    && rm -rf /src
