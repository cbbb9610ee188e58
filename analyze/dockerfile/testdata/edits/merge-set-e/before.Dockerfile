FROM debian
RUN set -eux; apt-get update; apt-get install -y git;
RUN set -eux; rm -rf /a; rm -rf /b
