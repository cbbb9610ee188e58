FROM debian
RUN set -eux; for k in a b; do touch /$k; done
RUN rm /a
