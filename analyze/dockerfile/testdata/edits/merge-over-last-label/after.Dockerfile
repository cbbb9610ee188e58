FROM debian
RUN a \
    && b
LABEL a=b
