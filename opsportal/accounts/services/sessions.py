"""Where a person is signed in; any of it can be ended from the settings page."""

from datetime import timedelta
from importlib import import_module
from typing import Final

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from opsportal.accounts.actors import client_ip
from opsportal.accounts.models import User, UserSession
from opsportal.core.clock import real_now
from opsportal.core.markdown import clean_text

SEEN_EVERY: Final = timedelta(minutes=5)
_SESSION_FIELD: Final = "seen_at"


def session_seen(*, request: HttpRequest) -> None:
    """Note that this session lives: one row at sign-in, then at most one write in five minutes."""
    key = request.session.session_key
    user = request.user
    if not key or not isinstance(user, User):
        return
    now = real_now()
    mark = request.session.get(_SESSION_FIELD)
    if mark and mark[0] == key and now.timestamp() - mark[1] < SEEN_EVERY.total_seconds():
        return
    facts = {
        "user": user,
        "seen_at": now,
        "ip": client_ip(request) or "",
        "agent": clean_text(request.headers.get("User-Agent", ""))[:300],
    }
    UserSession.objects.update_or_create(session_key=key, defaults=facts, create_defaults={**facts, "created_at": now})
    request.session[_SESSION_FIELD] = [key, now.timestamp()]


def sessions_close(*, user_id: int, keep_key: str | None = None, pk: int | None = None) -> int:
    """End one session of a person (`pk`), or all but `keep_key`; counts from the next request on."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    rows = UserSession.objects.filter(user_id=user_id)
    rows = rows.filter(pk=pk) if pk is not None else rows.exclude(session_key=keep_key)
    with transaction.atomic():
        keys = list(rows.values_list("session_key", flat=True))
        for key in keys:
            store(key).delete()
        rows.delete()
    return len(keys)
