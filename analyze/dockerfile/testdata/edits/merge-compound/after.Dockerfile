FROM debian
RUN if true; then a; fi \
    && ( for x in a b; do rm $x; done ) \
    && case a in b) c;; esac
