"""A person's calendar of review due dates: a secret address, kept as an HMAC."""

import re
import secrets
from datetime import datetime
from typing import Final

from django.db import transaction

from incidents.models import CalendarFeed
from opsportal.accounts.models import User
from opsportal.accounts.secrets import keyed_hash
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.gate import DeniedError

PURPOSE: Final = "calendar-feed"
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@transaction.atomic
def calendar_make(*, by: Actor, at: datetime) -> str:
    """A new secret for the person's own calendar; the address before it ends. Raises DeniedError."""
    if by.kind != "user" or by.user_id is None:
        raise DeniedError("incidents.calendar_make", "Only a person makes a calendar address.")
    secret = secrets.token_urlsafe(32)
    values = {"secret_hmac": keyed_hash(PURPOSE, secret), "created_at": at}
    feed, _ = CalendarFeed.objects.update_or_create(user_id=by.user_id, defaults=values)
    record(by=by, at=at, verb="incidents.calendar.made", obj_kind="calendar_feed", obj_id=feed.pk, platform_id=None)
    return secret


def calendar_reader(secret: str) -> User | None:
    """The active person whose calendar has this secret."""
    if _SHAPE.fullmatch(secret) is None:
        return None
    feeds = CalendarFeed.objects.filter(secret_hmac=keyed_hash(PURPOSE, secret), user__is_active=True)
    feed = feeds.select_related("user").first()
    return feed.user if feed is not None else None
