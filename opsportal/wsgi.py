"""WSGI entry point: every page; event streams need opsportal.asgi."""

from django.core.wsgi import get_wsgi_application

from opsportal.env import require_settings

require_settings()
application = get_wsgi_application()
