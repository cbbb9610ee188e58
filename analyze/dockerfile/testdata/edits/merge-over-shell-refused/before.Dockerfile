FROM debian
RUN make
SHELL ["/bin/bash","-c"]
RUN rm -rf /src
