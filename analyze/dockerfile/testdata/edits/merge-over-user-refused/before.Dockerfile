FROM debian
RUN make
USER app
RUN rm -rf /src
