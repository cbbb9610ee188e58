FROM debian
SHELL ["powershell", "-c"]
RUN a
RUN b
