FROM debian
RUN make
ARG A=1
RUN rm -rf /src
