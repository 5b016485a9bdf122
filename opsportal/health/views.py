"""Health for machines and for people."""

import hmac
from typing import Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpResponse, JsonResponse

from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.gate import allows
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.health.metrics import exposition
from opsportal.health.selectors import Part, Reading, database_answers, summary, versions
from opsportal.health.services import message_release
from opsportal.notifications.selectors import parked_messages

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PARKED_SHOWN: Final = 50


@require_action("health.process_view")
def healthz(request: AuthorizedRequest) -> HttpResponse:
    """Say that this process answers; asks nothing of anybody."""
    del request
    return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})


@require_action("health.deep_view")
def healthz_deep(request: AuthorizedRequest) -> HttpResponse:
    """Database, Redis, age of AWS data and every loop's pulse; 503 when the database or a loop is dead.

    Anybody may ask, so it gives names and states; what exactly is wrong stands on the portal-health page.
    """
    del request
    try:
        parts = Reading().parts() if database_answers() else []
    except DatabaseError:
        parts = []
    parts = parts or [Part("database", "dead", "PostgreSQL does not answer.")]
    states = {part.state for part in parts}
    state = next(word for word in ("dead", "degraded", "ok") if word in states)
    body = {"state": state, "parts": {part.name: part.state for part in parts}}
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": "10"} if state == "dead" else {})
    return JsonResponse(body, status=503 if state == "dead" else 200, headers=headers)


@require_action("health.metrics_view")
def metrics(request: AuthorizedRequest) -> HttpResponse:
    """Prometheus' figures: open on the loopback of the local stack, else with METRICS_TOKEN as bearer."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    wanted = settings.METRICS_TOKEN
    is_free = settings.LOCAL and not wanted
    if not is_free and not (wanted and hmac.compare_digest(given.encode(), wanted.encode())):
        return HttpResponse("METRICS_TOKEN is needed.\n", status=403, content_type="text/plain")
    return HttpResponse(exposition(), content_type=METRICS_TYPE, headers={"Cache-Control": "no-store"})


@require_action("health.portal_view")
def detail(request: AuthorizedRequest) -> HttpResponse:
    """The portal-health page."""
    reading = Reading()
    context = {
        "reading": reading,
        "summary": summary(reading),
        "parts": reading.parts(),
        "may_release": allows(request.actor, "health.message_release"),
        "versions": versions(),
        "parked": list(parked_messages()[:PARKED_SHOWN]),
        "has_mail": settings.EMAIL_CONFIGURED or settings.DEMO,
        "has_anchor": bool(settings.AUDIT_ANCHOR),
        "at": clock.real_now(),
    }
    return render_page(request, "health/portal_detail.html", context, fragment="state")


@require_action("health.message_release", methods=("POST",))
def message_release_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Let a parked message go again."""
    message_release(by=request.actor, at=clock.now(), message_id=pk)
    return redirect_or_fragment(request, "/health/")
