FROM debian
RUN set -eu; a; b
RUN rm -rf $X
