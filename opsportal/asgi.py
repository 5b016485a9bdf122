"""ASGI entry point: `/events/` is a raw ASGI stream, all else is Django's WSGI on threads.

Django under ASGI costs 2 ms of CPU a request, and an event stream on WSGI threads freezes the site once
eight are open; this router gives each the side it is good at.
"""

from a2wsgi import WSGIMiddleware
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from opsportal.wsgi import application as pages

# isort: split
# After the line above, which sets Django up: the stream reads models.
from opsportal.live.stream import event_stream

_pages = WSGIMiddleware(pages, workers=4)  # type: ignore[arg-type] # the stubs hide that a response is iterable


async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Send `/events/` to the stream, everything else to Django."""
    if scope["type"] == "http" and scope["path"] == "/events/":
        await event_stream(scope, receive, send)
    else:
        await _pages(scope, receive, send)  # type: ignore[arg-type]
