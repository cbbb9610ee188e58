from debian
  run make \
    && rm -rf /src
