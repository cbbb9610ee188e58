FROM debian
RUN echo 1.2.3.4 x >> /etc/hosts
RUN curl x
