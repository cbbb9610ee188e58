FROM debian
RUN (cd /x; make)
RUN { a; b; }
