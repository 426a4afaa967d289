# syntax=docker/dockerfile:1
# One image for every process, chosen by its command: `docker run IMAGE ingest`, `... db migrate`.

ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/quadrupel
ENV PATH=/opt/quadrupel/bin:$PATH
# The dependencies first: they change less often than the code.
COPY requirements/run.txt requirements/
RUN pip install --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY quadrupel/ quadrupel/
COPY migrations/ migrations/
COPY rules/ rules/
COPY clients/web/quadrupel-banners.js clients/web/
RUN pip wheel --no-deps --wheel-dir wheels . && pip install --no-deps wheels/*.whl

FROM python:${PYTHON}-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/quadrupel quadrupel
COPY --from=build /opt/quadrupel /opt/quadrupel
ENV PATH=/opt/quadrupel/bin:$PATH PYTHONUNBUFFERED=1 QUADRUPEL_API_HOST=0.0.0.0
# A number, so that an orchestrator can tell that it is not root.
USER 10001
WORKDIR /var/lib/quadrupel
ENTRYPOINT ["quadrupel"]
CMD ["--help"]
