FROM debian
RUN make
RUN rm -rf /src
