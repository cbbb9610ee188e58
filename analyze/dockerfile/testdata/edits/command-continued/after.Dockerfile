FROM debian
RUN apt-get update && \
    apt-get install -y \
      git \
    && rm -rf /c
CMD x
