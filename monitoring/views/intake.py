"""Where outside sources send: a secret address each, one statement, an answer."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from monitoring.services.inbound import MOST_BYTES, message_store
from monitoring.services.links import key_hash
from opsportal.core.actions import WRITE, AuthorizedRequest, require_action
from opsportal.core.clock import now

_TOO_LARGE = f"More than {MOST_BYTES // 1024} KiB in one message. Nothing was stored.\n"
_UNKNOWN = "No source of alerts has this address (any more). Nothing was stored.\n"


@csrf_exempt  # the address itself is the proof, and a machine holds no cookie
@require_action("monitoring.alert_receive", methods=WRITE)
def receive_action(request: AuthorizedRequest, kind: str, key: str) -> HttpResponseBase:
    """Store a message and say so once it is committed; what it means is judged a moment later (M-INC-11)."""
    hashed = key_hash(key)
    if hashed is None:
        return HttpResponse(_UNKNOWN, status=404, content_type="text/plain")
    if length_of(request) > MOST_BYTES or len(request.body) > MOST_BYTES:
        return HttpResponse(_TOO_LARGE, status=413, content_type="text/plain")
    headers = {name.lower(): value for name, value in request.headers.items()}
    number = message_store(kind=kind, key=hashed, headers=headers, body=request.body, at=now())
    if number is None:
        return HttpResponse(_UNKNOWN, status=404, content_type="text/plain")
    return JsonResponse({"received": number})


def length_of(request: HttpRequest) -> int:
    """What the sender says of its size, in bytes; 0 where it says nothing that can be read."""
    said = request.META.get("CONTENT_LENGTH") or "0"
    return int(said) if said.isascii() and said.isdigit() and len(said) < 12 else 0
