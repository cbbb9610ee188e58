FROM debian
RUN set -e; for a in b; do x; y; done
