"""Django's request below DRF's; apart from core.api, since authentication is loaded while DRF's views still are."""

from django.http import HttpRequest
from rest_framework.request import Request


def plain_request(request: Request) -> HttpRequest:
    """What middleware set stands there."""
    return request._request  # noqa: SLF001 - DRF offers no other way
