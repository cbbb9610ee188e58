FROM debian
RUN cd /src && make
RUN V=1; export W=2; make $V
RUN make install
