FROM debian
RUN --mount=type=cache,target=/c \
    --network=none \
    make \
    && rm -rf /src
