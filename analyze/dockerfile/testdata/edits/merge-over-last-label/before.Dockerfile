FROM debian
RUN a
LABEL a=b
RUN b
