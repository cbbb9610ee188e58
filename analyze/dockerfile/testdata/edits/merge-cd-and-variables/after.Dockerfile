FROM debian
RUN ( cd /src && make ) \
    && ( V=1; export W=2; make $V ) \
    && make install
