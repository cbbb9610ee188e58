FROM debian
RUN apt-get update && \
    # pip install is next
    pip3 install --no-cache-dir \
      numpy
