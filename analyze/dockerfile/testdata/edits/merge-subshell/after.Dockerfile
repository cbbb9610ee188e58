FROM debian
RUN (cd /x; make) \
    && { a; b; }
