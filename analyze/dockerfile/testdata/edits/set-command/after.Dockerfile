FROM debian
WORKDIR /app
COPY --chown=1:1 src/ .
# the owner
Run chown app:app /app \
    && chmod +x run.sh
