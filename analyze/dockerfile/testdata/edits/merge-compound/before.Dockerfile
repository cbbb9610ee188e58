FROM debian
RUN if true; then a; fi
RUN for x in a b; do rm $x; done
RUN case a in b) c;; esac
