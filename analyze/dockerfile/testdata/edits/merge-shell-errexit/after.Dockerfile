FROM debian
SHELL ["/bin/bash", "-eo", "pipefail", "-c"]
RUN curl x; tar -x \
    && { a; b; }
