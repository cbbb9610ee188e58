FROM debian
RUN --network=none chown -R app:app /app
