FROM debian
RUN mkdir /a
RUN set -eux; for k in a b; do touch /a/$k; done
