FROM debian
RUN make \
    && rm -rf /src
LABEL a=b
EXPOSE 80
CMD ["x"]
ENTRYPOINT ["y"]
