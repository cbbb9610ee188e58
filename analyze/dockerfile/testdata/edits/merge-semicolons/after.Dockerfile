FROM debian
RUN a \
    && { b; c; } \
    && find / -exec rm {} \;
