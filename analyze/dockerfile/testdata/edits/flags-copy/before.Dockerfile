FROM debian
COPY --from=build a /srv/
RUN chown -R 1000:1000 /srv
CMD x
