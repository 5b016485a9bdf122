"""Housekeeping: what was kept for a while goes."""

from datetime import datetime, timedelta
from typing import Final

from django.contrib.sessions.models import Session

from opsportal.accounts.models import UsedTotpCode, UserSession
from opsportal.core import idempotency
from opsportal.core.clock import real_now
from opsportal.schedule.loops import loop

TOTP_KEPT_FOR: Final = timedelta(hours=1)


@loop(name="accounts.housekeeping", every=600.0, limit=30.0)
def forget_expired(now: datetime) -> int:
    """Old idempotency keys, ended sessions, used codes. These live in real time, whatever the business clock says."""
    del now
    real = real_now()
    idempotency.purge(before=real - idempotency.KEEP_FOR)
    UsedTotpCode.objects.filter(used_at__lt=real - TOTP_KEPT_FOR).delete()
    Session.objects.filter(expire_date__lt=real).delete()
    alive = Session.objects.values("session_key")
    UserSession.objects.filter(seen_at__lt=real - timedelta(hours=1)).exclude(session_key__in=alive).delete()
    return 0
