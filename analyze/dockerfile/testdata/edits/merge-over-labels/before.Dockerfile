FROM debian
RUN make
LABEL a=b
EXPOSE 80
CMD ["x"]
RUN rm -rf /src
ENTRYPOINT ["y"]
