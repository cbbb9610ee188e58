FROM debian
RUN make \
    && rm -rf /src