FROM debian
RUN set -ex; apt-get update; apt-get install -y git \
    && rm -rf /a && rm -rf /b
