FROM debian
COPY app /tmp/app
RUN mv /tmp/app /opt/app
CMD x
