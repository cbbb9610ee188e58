FROM debian
COPY app /opt/app
CMD x
