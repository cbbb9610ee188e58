FROM debian
RUN server &
RUN rm -rf /src
