FROM debian
RUN pip install a
RUN make
ENV A=b
COPY x /x
RUN chmod 755 /x
RUN y
