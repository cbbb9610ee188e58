FROM debian
SHELL ["/bin/bash", "-eo", "pipefail", "-c"]
RUN curl x; tar -x
RUN a; b
