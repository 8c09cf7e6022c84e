# One image with the service, its browsers and its embedded Redis: no engine-only steps, the same scripts as
# `make setup`. Run it with a volume on /data and 1 GB of /dev/shm or none: Chromium is told not to rely on it.

FROM debian:12-slim AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /opt/wahook
COPY config/install config/install
RUN config/install/system build
COPY package.json package-lock.json .npmrc ./
RUN config/install/node
COPY pyproject.toml LICENSE ./
COPY config config
COPY supervision supervision
COPY actors actors
COPY wahook wahook
RUN config/install/python image

FROM debian:12-slim
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /opt/wahook
COPY config/install/system config/install/system
RUN config/install/system runtime && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin wahook \
    && install -d -m 0700 -o wahook -g wahook /data
COPY LICENSE ./
COPY config/healthcheck.py config/wahook.toml config/
COPY --from=build /opt/wahook/node_modules node_modules
COPY --from=build /opt/wahook/.venv .venv
ENV HOST=0.0.0.0 \
    PORT=4000 \
    WAHOOK_DATA=/data \
    LOG_FORMAT=json \
    HOME=/data \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PATH=/opt/wahook/.venv/bin:/usr/local/bin:/usr/bin:/bin
# A number, so that an orchestrator can see that it is not root.
USER 10001
# No VOLUME: Railway refuses images that have one, and an anonymous volume is a bad place for logins. Mount /data.
EXPOSE 4000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "config/healthcheck.py"]
# tini adopts and reaps what Chromium leaves behind, and passes SIGTERM on for an orderly end.
ENTRYPOINT ["tini", "--", "wahook"]
CMD ["serve"]
