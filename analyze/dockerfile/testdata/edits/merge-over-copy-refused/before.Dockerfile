FROM debian
RUN make
COPY a b
RUN rm -rf /src
