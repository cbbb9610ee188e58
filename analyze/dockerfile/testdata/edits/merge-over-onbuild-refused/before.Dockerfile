FROM debian
RUN make
ONBUILD RUN x
RUN rm -rf /src
