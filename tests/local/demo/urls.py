"""The portal's routes as a demo has them."""

from django.urls import include, path

from opsportal.urls import handler400, handler403, handler404, handler500
from opsportal.urls import urlpatterns as portal_patterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

urlpatterns = [*portal_patterns, path("demo/", include("opsportal.local.urls"))]
