FROM debian
RUN make # all of it
RUN rm -rf /src
