FROM debian
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN curl x | tar -x \
    && { a || b; }
