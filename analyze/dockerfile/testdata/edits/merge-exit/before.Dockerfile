FROM debian
RUN test -f /x || exit 0
RUN rm -rf /src
