FROM debian
RUN make

# tidy up
RUN rm -rf /src
CMD ["x"]
