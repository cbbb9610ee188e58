FROM debian
RUN a \
    && b \
    && c \
    && d
COPY x y
RUN e \
    && f
