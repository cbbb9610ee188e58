FROM debian
RUN make \
# tidy up
    && rm -rf /src
CMD ["x"]
