# The program alone, static, on nothing: no shell, no package, no user but its own.
# Build: docker build -t selat:1.0.0 .

FROM golang:1.26.5-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/selat ./cmd/selat \
 && mkdir -p /out/data /out/backups /out/join /out/tmp && chmod 1777 /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/selat /usr/local/bin/selat
COPY --from=build --chown=65532:65532 --chmod=0700 /out/data /data
COPY --from=build --chown=65532:65532 --chmod=0700 /out/backups /backups
COPY --from=build --chown=65532:65532 --chmod=0700 /out/join /join
COPY --from=build /out/tmp /tmp
USER 65532:65532
ENV PATH=/usr/local/bin SELAT_DATA=/data
WORKDIR /data
VOLUME ["/data"]
EXPOSE 4222 7422 7423 6222
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=6s --start-period=2m --retries=4 CMD ["/usr/local/bin/selat", "health"]
ENTRYPOINT ["/usr/local/bin/selat"]
CMD ["hub"]
