FROM debian
RUN mkdir /a \
    && { set -e; touch /a/b; touch /a/c \
    && rm -rf /a; }
