FROM debian
COPY a b /tmp/
