"""`/events/?topics=a,b&since=ms`: server-sent events as a raw ASGI application.

Each event is `{"t": topic, "id": row}` and nothing else: the page then fetches what changed through its own gated
URL. Rights are checked when the stream opens, and it ends after a few minutes so that they are checked again.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qs

import structlog
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope
from django.conf import settings
from django.contrib.auth import get_user
from django.core.exceptions import DisallowedHost
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, parse_cookie

from opsportal.accounts.actors import user_actor
from opsportal.accounts.models import User
from opsportal.core.clock import stamp
from opsportal.live.hub import Hub
from opsportal.schedule.dispatching import listen_parameters

logger = structlog.get_logger(__name__)

KEEP_ALIVE_SECONDS: Final = 15.0
LIFE_SECONDS: Final = (300.0, 540.0)
MAX_STREAMS_PER_PERSON: Final = 32
_threads: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="live")
_open_streams: Counter[int] = Counter()
_hubs: dict[int, Hub] = {}


@dataclass(frozen=True, slots=True)
class Grant:
    """Who opened the stream and what of the asked topics may be followed; `status` is 200 or why not."""

    status: int
    user_id: int = 0
    topics: tuple[str, ...] = ()


def _hub() -> Hub:
    """The hub of this process's event loop."""
    key = id(asyncio.get_running_loop())
    if key not in _hubs:
        _hubs.clear()  # a process serves on one loop; a test may bring a new one
        _hubs[key] = Hub(listen_parameters)
    return _hubs[key]


def _request(scope: HTTPScope, headers: Mapping[str, str]) -> HttpRequest:
    request = HttpRequest()
    request.method = "GET"
    request.path = scope["path"]
    request.META = {"HTTP_HOST": headers.get("host", ""), "SERVER_NAME": "", "SERVER_PORT": "0"}
    request.COOKIES = parse_cookie(headers.get("cookie", ""))
    store = import_module(settings.SESSION_ENGINE).SessionStore
    request.session = store(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    return request


def grant(scope: HTTPScope, headers: Mapping[str, str], asked: list[str]) -> Grant:
    """Read the session and the rights; runs in a thread, since it asks the database."""
    from opsportal.live.topics import allowed_topics

    try:
        request = _request(scope, headers)
        request.get_host()
        user = get_user(request)
        if not isinstance(user, User) or not user.is_active:
            return Grant(401)
        topics = allowed_topics(user_actor(user), asked)
        return Grant(200, user.pk, tuple(topics)) if topics else Grant(404, user.pk)
    except DisallowedHost:
        return Grant(400)
    except DatabaseError:
        logger.warning("live.database_gone", exc_info=True)
        return Grant(503)
    finally:
        connection.close()


async def event_stream(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Serve one stream until the browser leaves or its time is over."""
    assert scope["type"] == "http"
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if scope["method"] != "GET":
        await _refuse(send, 405)
        return
    query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=10)
    asked = [topic for topic in ",".join(query.get("topics", [])).split(",") if topic]
    granted = await asyncio.get_running_loop().run_in_executor(_threads, grant, scope, headers, asked)
    if granted.status != 200:
        await _refuse(send, granted.status)
        return
    if _open_streams[granted.user_id] >= MAX_STREAMS_PER_PERSON:
        await _refuse(send, 429)
        return
    _open_streams[granted.user_id] += 1
    try:
        await _serve(receive, send, granted, since=_since(headers.get("last-event-id") or query.get("since", [""])[0]))
    finally:
        _open_streams[granted.user_id] -= 1
        if not _open_streams[granted.user_id]:
            del _open_streams[granted.user_id]


async def _refuse(send: ASGISendCallable, status: int) -> None:
    # 204 would tell the browser to stay away for good; any other status does so as well, and the page polls on.
    headers = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
    if status in (429, 503):
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _since(text: str) -> int | None:
    """The instant (ms) up to which the browser knows everything; None when it names none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


async def _serve(receive: ASGIReceiveCallable, send: ASGISendCallable, granted: Grant, *, since: int | None) -> None:
    hub = _hub()
    begun = stamp()
    subscription = await hub.subscribe(list(granted.topics), since=since)
    gone = asyncio.create_task(_until_gone(receive))
    try:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"text/event-stream; charset=utf-8"),
                    (b"cache-control", b"no-store"),
                    (b"x-accel-buffering", b"no"),
                ],
                "trailers": False,
            }
        )
        await _write(send, b"retry: 2000\n" + _id(begun))
        ends_at = time.monotonic() + random.uniform(*LIFE_SECONDS)  # noqa: S311 - spreads reconnects, no secret
        while not gone.done() and time.monotonic() < ends_at:
            begun = stamp()
            waiting = asyncio.create_task(subscription.wait(KEEP_ALIVE_SECONDS))
            await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                waiting.cancel()
                break
            touched = waiting.result()
            await _write(send, _events(touched) + _id(begun))
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        gone.cancel()
        hub.unsubscribe(subscription)


def _events(touched: Mapping[str, int]) -> bytes:
    return b"".join(
        f"data: {json.dumps({'t': topic, 'id': row_id})}\n\n".encode() for topic, row_id in sorted(touched.items())
    )


def _id(known: int) -> bytes:
    """Up to when (ms) the browser has been told everything: no event, but it asks on from there (Last-Event-ID)."""
    return f"id: {known}\n\n".encode()


async def _write(send: ASGISendCallable, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
