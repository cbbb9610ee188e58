FROM debian
RUN apk add git
