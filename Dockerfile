# syntax=docker/dockerfile:1

# Belisha in a container that needs no rights: no root, a read-only root file system, no capabilities.
# Build: docker build -t belisha .      Run: docker compose up -d      Why it is so: docs/install.md

# First stage: a wheel from this checkout, installed with its requirements into /opt/belisha.
# Nothing of this stage but that folder reaches the image: no compiler, no pip cache, no sources.
FROM python:3.13-slim AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY lists ./lists
COPY resolver ./resolver
RUN python -m pip wheel --no-deps --wheel-dir /wheels . \
    && python -m venv /opt/belisha \
    && /opt/belisha/bin/python -m pip install /wheels/*.whl \
    && /opt/belisha/bin/python -m pip uninstall --yes pip

FROM python:3.13-slim

LABEL org.opencontainers.image.title="Belisha" \
      org.opencontainers.image.description="A DNS resolver that keeps children safe, at home and at school" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=builder /opt/belisha /opt/belisha
COPY packaging/container.toml /etc/belisha/belisha.toml

# A number instead of a name, so that an orchestrator can check that it is not 0. The data folder is
# made with its owner here: a new named volume takes both over.
RUN mkdir /data && chown 10053:10053 /data
USER 10053:10053

ENV PATH=/opt/belisha/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# What is worth keeping. Besides this only /tmp is ever written.
VOLUME /data
WORKDIR /data

# 53 without root: a container of its own network gets net.ipv4.ip_unprivileged_port_start=0 (Docker
# sets it since 20.10, docker-compose.yml says it again for others). NET_BIND_SERVICE would not help:
# a process that is not root gets no capability from cap_add alone, and a file capability is ignored
# under no-new-privileges.
EXPOSE 53/udp 53/tcp 8053/tcp

# Asks the admin API and the DNS port, as a client would.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["belisha", "healthcheck", "--config", "/etc/belisha/belisha.toml"]

STOPSIGNAL SIGTERM
CMD ["belisha", "serve", "--config", "/etc/belisha/belisha.toml"]
