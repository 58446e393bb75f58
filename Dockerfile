# The operator's image: a virtual environment with Kalends in it, on a slim Python, run by nobody in particular.
#
#   docker build -t kalends:0.1.0 .
#
# Any base with python3 (3.11 or later) and its venv module will do: --build-arg BASE_IMAGE=debian-with-python. Both stages
# need the same one, as a virtual environment points to the interpreter that it was made with.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /src
# The wheel is built, and installed, by a pip that stays behind in this stage.
RUN python3 -m venv /tools && python3 -m venv --without-pip /opt/kalends
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
# Of the Kubernetes client the second copy for asyncio stays out, 41 MB of which the operator imports nothing; a task that
# wants it gets it by `pip install --force-reinstall kubernetes`. Modules are compiled here, as nothing can be written
# beside them at run time.
RUN /tools/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
 && /tools/bin/pip --python /opt/kalends/bin/python install --no-cache-dir --no-compile /wheels/*.whl \
 && rm -r /opt/kalends/lib/python3*/site-packages/kubernetes/aio \
 && /opt/kalends/bin/python -m compileall -q /opt/kalends/lib

FROM ${BASE_IMAGE}
ARG BASE_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Kalends" \
      org.opencontainers.image.description="APScheduler for Kubernetes: the operator that runs ScheduledJobs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"
COPY --from=build /opt/kalends /opt/kalends
# Lines of the log are seen when they are written. No interpreter tries to write to a read-only file system. Time zones are
# those of the tzdata package, whatever the base has: its own may be years old.
# Libraries ask who they are, and the user has no entry in /etc/passwd, as anyone OpenShift chooses has none.
ENV PATH=/opt/kalends/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONTZPATH= \
    LOGNAME=kalends
# A number, as `runAsNonRoot` cannot judge a name.
USER 65532:65532
WORKDIR /tmp
EXPOSE 8080
ENTRYPOINT ["kalends"]
CMD ["--help"]
