FROM debian
RUN a;
RUN b; c;
RUN find / -exec rm {} \;
