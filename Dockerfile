# One image for every part; docker-compose.yml says which part a container is.
# glibc, because PyMuPDF and onnxruntime have no wheels for musl.

FROM python:3.12-slim-bookworm AS packages
COPY docanalyst/bootstrap.lock requirements.lock /build/
RUN python -m venv /venv \
    && python -m venv /installer \
    && /installer/bin/pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: -r /build/bootstrap.lock \
    && /installer/bin/uv pip sync --no-cache --python /venv/bin/python --require-hashes --compile-bytecode /build/requirements.lock \
    && /venv/bin/python -m pip uninstall --yes pip

FROM python:3.12-slim-bookworm
# For repositories by address.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin docanalyst \
    && install --directory --owner docanalyst --mode 0700 /data
COPY --from=packages /venv /venv
COPY . /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=docanalyst.settings \
    DOCANALYST_DATA_DIR=/data
USER docanalyst
VOLUME /data
EXPOSE 8000
HEALTHCHECK NONE
CMD ["python", "-m", "uvicorn", "docanalyst.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--no-proxy-headers", "--no-server-header", "--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3"]
