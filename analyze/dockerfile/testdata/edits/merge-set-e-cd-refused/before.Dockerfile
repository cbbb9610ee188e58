FROM debian
RUN set -e; cd /x; make
RUN rm -rf y
