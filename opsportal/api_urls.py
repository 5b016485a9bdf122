"""`/api/v1/`: each app adds its `api/urls.py`; the schema and its page stand beside them."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
