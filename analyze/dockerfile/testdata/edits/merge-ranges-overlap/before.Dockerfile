FROM debian
RUN a
RUN b
RUN c
RUN d
COPY x y
RUN e
RUN f
