FROM debian
SHELL ["/bin/bash", "-e", "-c"]
RUN for a in b; do x; y; done
RUN a; b
