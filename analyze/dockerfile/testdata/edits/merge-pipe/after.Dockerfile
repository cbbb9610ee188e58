FROM debian
RUN curl x | tar -x \
    && rm -rf /src
