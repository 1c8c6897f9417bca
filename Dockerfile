ARG BASE=debian:trixie-slim
FROM ${BASE}

# Versions are the base's: Debian keeps one of each in a stable release, with security fixes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates ffmpeg python3 python3-venv tini \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH

# Before the code, so that a change of code does not install the packages anew.
COPY requirements.txt .
RUN python3 -m venv .venv \
    && pip install --no-cache-dir --require-hashes --requirement requirements.txt

COPY worker worker
COPY entrypoint.sh .
# The worker may not write here, so its bytecode is made now.
RUN python -m compileall -q worker \
    && useradd --system --no-create-home --uid 10001 worker \
    && install -d -o worker -g worker /scratch

ENV WORKER_WORK_DIR=/scratch
# By number, so that a runtime that demands a user other than root can tell.
USER 10001

ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="academy-video-worker" \
    org.opencontainers.image.description="Transcodes one lecture video to adaptive HLS" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"

ENTRYPOINT ["tini", "--", "/app/entrypoint.sh"]
