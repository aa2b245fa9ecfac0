# The agent of a game host: `docker build -f deploy/images/agent.Dockerfile -t playhouse/agent:0.1.0 .`
# It is root, since it mounts homes and gives every seat a uid of its own; docs/deploying.md says what it is given.
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
        --python /usr/bin/python3 --extra agent \
    && echo /opt/playhouse > "$(echo .venv/lib/python3*/site-packages)/playhouse.pth"
COPY agent_protocol agent_protocol
COPY diagnosis diagnosis
COPY gameserver_agent gameserver_agent
COPY metering metering
COPY streaming streaming
COPY tracing tracing
RUN .venv/bin/python -m compileall -q agent_protocol diagnosis gameserver_agent metering streaming tracing

FROM python
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        e2fsprogs libxcb-shm0 libxcb1 libyuv0 mount pulseaudio systemd tini util-linux xvfb \
    && rm -rf /var/lib/apt/lists/*
COPY --from=packages /opt/playhouse /opt/playhouse
RUN /opt/playhouse/.venv/bin/python -P -c "import gameserver_agent.cli, gameserver_agent.service"
ENV PATH=/opt/playhouse/.venv/bin:$PATH PYTHONUNBUFFERED=1 GAMESERVER_AGENT_PORT=9100
EXPOSE 9100
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['GAMESERVER_AGENT_PORT'] + '/health/ready', timeout=4)"]
# Seats leave the agent that started them: tini takes in who has no parent left, also where it is not the first process.
ENTRYPOINT ["tini", "-s", "--", "python", "-P", "-m", "gameserver_agent"]
CMD ["run"]
