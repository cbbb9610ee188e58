FROM debian
RUN pip install --no-cache-dir a \
    && make \
    && rm -rf /c
ENV A=b
COPY --chmod=0755 x /x
RUN y
