# escape=`
FROM debian
RUN make `
    all `
    && rm -rf /src
