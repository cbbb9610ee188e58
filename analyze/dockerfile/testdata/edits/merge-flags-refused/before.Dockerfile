FROM debian
RUN --mount=type=cache,target=/c make
RUN rm -rf /src
