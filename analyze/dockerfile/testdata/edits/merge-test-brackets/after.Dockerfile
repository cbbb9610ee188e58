FROM debian
RUN [ -f /x ] && touch /y \
    && { ["a" = "b"] || true; }
