FROM debian
RUN make || true
RUN test -f /a || touch /a
RUN a; b
