# A replica: `docker build -f deploy/images/orchestrator.Dockerfile -t playhouse/orchestrator:0.1.0 .`
# It has no secret and no setting of an installation; docs/deploying.md says how it is run.
ARG BASE=debian:12.12-slim
FROM ${BASE} AS python
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/*

FROM python AS packages
ARG UV_VERSION=0.13.9
ENV UV_LINK_MODE=copy
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir "uv==${UV_VERSION}"
WORKDIR /opt/playhouse
COPY pyproject.toml uv.lock README.md LICENSE NOTICE ./
RUN /opt/uv/bin/uv sync --quiet --no-cache --frozen --no-dev --no-install-project --compile-bytecode \
        --python /usr/bin/python3 --extra orchestrator \
    && echo /opt/playhouse > "$(echo .venv/lib/python3*/site-packages)/playhouse.pth"
COPY agent_protocol agent_protocol
COPY diagnosis diagnosis
COPY matches matches
COPY metering metering
COPY migrations migrations
COPY orchestrator orchestrator
COPY scheduler scheduler
COPY tracing tracing
RUN .venv/bin/python -m compileall -q agent_protocol diagnosis matches metering migrations orchestrator scheduler tracing \
    && .venv/bin/python -P -c "import orchestrator.cli, orchestrator.server"

FROM python
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/playhouse playhouse \
    && install -d -o playhouse -g playhouse -m 0700 /var/lib/playhouse
COPY --from=packages /opt/playhouse /opt/playhouse
ENV PATH=/opt/playhouse/.venv/bin:$PATH PYTHONUNBUFFERED=1 \
    ORCHESTRATOR_DATA=/var/lib/playhouse ORCHESTRATOR_HOST=0.0.0.0 ORCHESTRATOR_PORT=8000
WORKDIR /var/lib/playhouse
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['ORCHESTRATOR_PORT'] + '/health/ready', timeout=4)"]
ENTRYPOINT ["python", "-P", "-m", "orchestrator"]
CMD ["serve"]
