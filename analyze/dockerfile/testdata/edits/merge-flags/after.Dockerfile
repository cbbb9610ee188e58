FROM debian
RUN --network=none make \
    && rm -rf /src
