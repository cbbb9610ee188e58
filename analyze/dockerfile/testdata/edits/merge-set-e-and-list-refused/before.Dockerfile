FROM debian
RUN set -e; a; b
RUN c; d
