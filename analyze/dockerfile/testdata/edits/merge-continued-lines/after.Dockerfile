FROM debian
RUN apt-get update && \
    # what is needed
    apt-get install -y git \
# tidy up
    && rm -rf \
    /var/lib/apt/lists/* \
    /tmp/*
CMD ["x"]
