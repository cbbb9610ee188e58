FROM debian
RUN [ -f /x ] && touch /y
RUN ["a" = "b"] || true
