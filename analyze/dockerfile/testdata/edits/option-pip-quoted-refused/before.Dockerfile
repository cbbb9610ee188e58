FROM debian
RUN echo "use pip install x" && pip install y
