FROM debian
RUN mkdir /a
RUN set -e; touch /a/b; touch /a/c
RUN rm -rf /a
