FROM debian
COPY --chown=1000:1000 --from=build a /srv/
CMD x
