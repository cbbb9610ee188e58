FROM debian
RUN apt-get update && \
    # pip install is next
    pip3 install \
      numpy
