FROM debian
RUN make
FROM debian
RUN rm -rf /src
