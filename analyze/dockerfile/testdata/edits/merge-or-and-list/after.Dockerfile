FROM debian
RUN make || true \
    && { test -f /a || touch /a; } \
    && { a; b; }
