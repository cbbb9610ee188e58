FROM debian
RUN curl x | tar -x
RUN rm -rf /src
