FROM debian
RUN ! grep a b
RUN ! c && d
