FROM debian
RUN --mount=type=cache,target=/c \
    --network=none \
    make
RUN --mount=type=cache,target=/c --network=none \
    rm -rf /src
