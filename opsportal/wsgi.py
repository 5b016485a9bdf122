"""WSGI entry point: every page; event streams need opsportal.asgi."""

import gc

from django.core.wsgi import get_wsgi_application

from opsportal.env import require_settings

require_settings()
# What is imported stays: looking for garbage in it takes a tenth of the start, and time again in each full collection.
gc.disable()
application = get_wsgi_application()
gc.freeze()
gc.enable()
