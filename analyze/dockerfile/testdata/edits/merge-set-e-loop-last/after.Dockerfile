FROM debian
RUN mkdir /a \
    && { set -eux; for k in a b; do touch /a/$k; done; }
