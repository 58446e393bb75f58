# The operator's image: a virtual environment with Kalends in it, on a trimmed Python, as a user without a name.
#
#   docker build -t kalends:0.1.0 .
#
# All Python packages are those of requirements/, by hash. The base is an argument, so that it can be pinned as well:
#
#   docker pull python:3.11-trimmed
#   docker inspect --format '{{index .RepoDigests 0}}' python:3.11-trimmed
#   docker build --build-arg BASE_IMAGE=python@sha256:… -t kalends:0.1.0 .
#
# Any base with python3 (3.11 or later) and its venv module works. Both stages need the same base, as a virtual environment
# points to the interpreter that it was made with.
ARG BASE_IMAGE=python:3.11-trimmed

FROM ${BASE_IMAGE} AS build
WORKDIR /src
# The environment has no pip: the pip that installs into it, and the package that builds the wheel, stay in this stage.
COPY requirements/build.txt requirements/image.txt requirements/
RUN python3 -m venv /tools && python3 -m venv --without-pip /opt/kalends \
 && /tools/bin/pip install --no-cache-dir --require-hashes --requirement requirements/build.txt \
 && /tools/bin/pip --python /opt/kalends/bin/python install --no-cache-dir --no-compile --require-hashes \
      --requirement requirements/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
# The operator does not import the Kubernetes client for asyncio (41 MB), so it is removed; a task that needs it restores it
# by `pip install --force-reinstall kubernetes`. Modules are compiled here, as the file system is read-only at run time.
RUN /tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /tools/bin/pip --python /opt/kalends/bin/python install --no-cache-dir --no-compile --no-deps /wheels/*.whl \
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
# Log lines are not buffered. Nothing is compiled at run time, as the file system is read-only. Time zones come from the
# tzdata package, as those of the base may be years old. LOGNAME answers libraries that ask for the user's name: neither
# this user nor one that OpenShift chooses has an entry in /etc/passwd.
ENV PATH=/opt/kalends/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONTZPATH= \
    LOGNAME=kalends
# A number, as `runAsNonRoot` cannot check a name.
USER 65532:65532
WORKDIR /tmp
EXPOSE 8080
ENTRYPOINT ["kalends"]
CMD ["--help"]
