FROM debian
RUN echo 'a \
  b' > /x \
    && echo "c \
  # d
  e"
