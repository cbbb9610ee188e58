FROM debian
RUN make
VOLUME /x
RUN rm -rf /src
