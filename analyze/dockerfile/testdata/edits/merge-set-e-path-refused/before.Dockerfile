FROM debian
RUN set -e; PATH=/x; a
RUN set -e; c; d
