FROM debian
RUN echo 'a \
  b' > /x
RUN echo "c \
  # d
  e"
