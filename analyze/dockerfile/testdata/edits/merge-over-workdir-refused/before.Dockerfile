FROM debian
RUN make
WORKDIR /x
RUN rm -rf /src
