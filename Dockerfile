# The image of penstock: an interpreter, the packages and the libraries they need; no shell, no pip, no package manager.
#
#   docker build --tag penstock .
#   docker build --target sbom --output . .     the bill of materials alone: penstock.cdx.json
#
# docs/deploy/docker.md says how to run it, and what is the same when it is built twice.
ARG PYTHON=docker.io/library/python:3.13-slim-bookworm

FROM ${PYTHON} AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev make \
    && rm -rf /var/lib/apt/lists/*
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_DEPS=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY deploy/image/build.txt deploy/image/requirements.txt ./
RUN pip install --require-hashes --requirement build.txt
# jq's wheel was compiled without optimisation; compiled here, it maps about three times as fast. Debug information would
# name the folder it was compiled in, which is another one each time.
RUN CC="gcc -O2" CFLAGS=-g0 MAKEFLAGS="-j$(nproc)" pip install --prefix /install --ignore-installed --require-hashes \
    --no-compile --no-build-isolation --no-binary jq --requirement requirements.txt
COPY LICENSE README.md pyproject.toml source/
COPY core source/core
COPY plugins source/plugins
RUN pip wheel --no-build-isolation --wheel-dir wheels ./source \
    && pip install --prefix /install --ignore-installed --no-compile --no-index --find-links wheels penstock
COPY deploy/image/*.py ./
# The moment that every file gets, so that the same sources make the same image.
ARG SOURCE_DATE_EPOCH=0
RUN PYTHONHASHSEED=0 python assemble.py --packages /install --target /image --epoch "${SOURCE_DATE_EPOCH}"

FROM scratch AS sbom
COPY --from=build /image/usr/share/sbom/penstock.cdx.json /

FROM scratch
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="penstock" \
      org.opencontainers.image.description="Point it at any HTTP API: its records arrive, mapped and kept in step, in a catalog." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image /
ENV PATH=/usr/local/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    PENSTOCK_CA_DIR=/usr/local/share/ca-certificates \
    PENSTOCK_PLUGINS_DIR=/plugins \
    PENSTOCK_CACHE_DIR=/data/.cache
# A number, so that Kubernetes can see that it is not root; any other works as well.
USER 10001:10001
# The catalog and the run journal, unless the configuration says otherwise.
WORKDIR /data
VOLUME /data
EXPOSE 8000
# Of the default command; `docker run --no-healthcheck` runs another one. Not urllib, which would ask a proxy.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python3", "-c", "import http.client as h; \
c = h.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/health/live'); exit(c.getresponse().status != 200)"]
ENTRYPOINT ["penstock"]
CMD ["serve"]
