FROM debian
RUN a || b \
    && rm -rf /c
