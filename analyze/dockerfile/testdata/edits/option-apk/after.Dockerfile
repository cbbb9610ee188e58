FROM debian
RUN apk add --no-cache git
