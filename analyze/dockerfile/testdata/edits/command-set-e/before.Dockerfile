FROM debian
RUN set -eux; \
	apt-get update; \
	apt-get install -y git
