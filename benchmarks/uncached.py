"""For the figure "nothing cached": a request that says so finds the cache empty."""

from collections.abc import Callable

from django.core.cache import cache
from django.http import HttpRequest
from django.http.response import HttpResponseBase

HEADER = "X-Bench-Uncached"


def uncached(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: empty the cache before a request with the header."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if HEADER in request.headers:
            cache.clear()
        return get_response(request)

    return answer
