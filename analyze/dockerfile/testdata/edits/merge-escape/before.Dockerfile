# escape=`
FROM debian
RUN make `
    all
RUN rm -rf /src
