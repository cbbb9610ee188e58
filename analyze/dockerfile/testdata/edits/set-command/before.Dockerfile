FROM debian
WORKDIR /app
COPY src/ .
# the owner
Run chown -R \
    app:app /app
RUN chmod +x run.sh
