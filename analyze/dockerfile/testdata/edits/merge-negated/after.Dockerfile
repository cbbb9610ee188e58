FROM debian
RUN ! grep a b \
    && ! c && d
