FROM debian
RUN --network=none make
RUN --network=none rm -rf /src
