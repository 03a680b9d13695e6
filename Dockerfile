# One image for every command of travio-inventory. Packages are checked against their hashes; nothing is compiled.
FROM python:3.13-slim-trixie AS base
ENV PATH=/opt/travio/bin:$PATH

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv --without-pip /opt/travio \
    && pip install --require-hashes --only-binary :all: -r requirements/build.txt \
    && pip --python /opt/travio install --require-hashes --only-binary :all: -r requirements/runtime.txt
COPY pyproject.toml schema.cql README.md LICENSE ./
COPY travio_inventory travio_inventory
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && pip --python /opt/travio install --no-deps --no-index dist/*.whl

FROM base
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin travio \
    && install --directory --owner travio --group travio --mode 0700 /data
COPY --from=build /opt/travio /opt/travio
# Shows that the image works, and leaves bytecode of the standard library, which it lacks and nobody can write later.
RUN ["travio-inventory", "settings"]
ENV TRAVIO_DATA=/data
USER 10001
WORKDIR /data
EXPOSE 9083 8083 9090
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
    CMD ["python", "-m", "travio_inventory.cli.probe", "liveness"]
ENTRYPOINT ["travio-inventory"]
CMD ["serve"]
