"""Where jobs beat: a secret address each, one statement, an answer."""

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from monitoring.models import BeatWord
from monitoring.services.heartbeats import beat_store
from monitoring.services.links import key_hash
from monitoring.views.intake import length_of
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.markdown import clean_text

MOST_READ = 262_144
_UNKNOWN = "No job has this address (any more). Nothing was stored.\n"
_HIGHEST_CODE = 255


@csrf_exempt  # the address itself is the proof, and a machine holds no cookie
@require_action("monitoring.beat_receive", methods=READ_WRITE)
def beat(request: AuthorizedRequest, key: str, word: str = "") -> HttpResponseBase:
    """Keep one beat and say so once it is committed; a log that is too long costs the log, never the beat."""
    hashed = key_hash(key)
    code = int(word) if word.isdecimal() else None
    if hashed is None or (code is not None and code > _HIGHEST_CODE):
        return _said(_UNKNOWN, 404)
    if code is not None:
        word = BeatWord.FAIL if code else BeatWord.DONE
    size = length_of(request)
    log = f"A log of {size} bytes was not kept: it is longer than {MOST_READ}." if size > MOST_READ else _body(request)
    number = beat_store(key=hashed, word=word or BeatWord.DONE, exit_code=code, log=log, at=now())
    return _said(_UNKNOWN, 404) if number is None else _said("OK\n", 200)


def _body(request: AuthorizedRequest) -> str:
    return clean_text(request.body.decode("utf-8", "replace")) if request.method == "POST" else ""


def _said(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain", headers={"Cache-Control": "no-store"})
