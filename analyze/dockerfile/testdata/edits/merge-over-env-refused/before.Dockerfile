FROM debian
RUN make
ENV A=1
RUN rm -rf /src
