FROM debian
RUN ( umask 077 && touch /a ) \
    && touch /b
