"""Reports by mail: what is due, what the mail says, and the way out of it."""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from monitoring.slo.periods import Period, calendar, parse
from opsportal.accounts.secrets import keyed_hash
from opsportal.core.formats import DASH, duration, percent
from opsportal.notifications.models import OutboxMessage
from opsportal.notifications.services import notify, people
from opsportal.platforms.days import zone_of
from opsportal.platforms.models import Membership
from opsportal.reports.models import Cadence, ReportSubscription
from opsportal.reports.period.body import report_body

KIND: Final = "reports.period"
HOUR: Final = 7  # of the platform's morning: yesterday's late points have come by then
PURPOSE: Final = "report-unsubscribe"
STATES: Final = {"met": "healthy", "at_risk": "AT RISK", "exhausted": "EXHAUSTED", "no_data": "no data"}


def token_of(subscription: ReportSubscription) -> str:
    """The secret of its unsubscribe link: the row's key and what only this installation can compute."""
    digest = keyed_hash(PURPOSE, f"{subscription.pk}:{subscription.user_id}").hex()[:32]
    return f"{subscription.pk}-{digest}"


def subscription_of(token: str) -> ReportSubscription | None:
    """The subscription of a link that was mailed; None when it is forged or ended already."""
    number = token.partition("-")[0]
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    row = ReportSubscription.objects.select_related("platform", "user").filter(pk=int(number)).first()
    return row if row is not None and hmac.compare_digest(token_of(row).encode(), token.encode()) else None


def unsubscribe_address(message: OutboxMessage) -> str:
    """The address that ends the subscription a message came by; "" for a message of none."""
    pk = message.group_key.removeprefix("subscription:")
    row = ReportSubscription.objects.filter(pk=int(pk)).first() if pk.isdigit() else None
    return f"{settings.PUBLIC_URL}{reverse('reports:unsubscribe', args=[token_of(row)])}" if row else ""


def due_period(cadence: str, at: datetime, zone: ZoneInfo) -> Period:
    """The newest day, week or month whose report goes out by now: from HOUR on of the morning after it."""
    today = (at.astimezone(zone) - timedelta(hours=HOUR)).date()
    if cadence == Cadence.DAILY:
        yesterday = today - timedelta(days=1)
        return parse(f"{yesterday}..{yesterday}", at, zone)
    kind = "week" if cadence == Cadence.WEEKLY else "month"
    running = calendar(kind, today, at, zone)
    return calendar(kind, running.starts_at.astimezone(zone).date() - timedelta(days=1), at, zone)


def reports_mail(*, at: datetime) -> int:
    """Send what is due, each period once; a member who left gets none. Returns how many were sent."""
    sent = 0
    zones: dict[int, ZoneInfo] = {}
    for row in ReportSubscription.objects.select_related("platform", "user").order_by("pk"):
        zone = zones.setdefault(row.platform_id, zone_of(row.platform_id))
        period = due_period(row.cadence, at, zone)
        if period.ends_at > row.sent_until:
            sent += _send(row, period, at=at)
    return sent


@transaction.atomic
def _send(row: ReportSubscription, period: Period, *, at: datetime) -> bool:
    """Claim the period by the row itself: of two dispatchers one sends."""
    claimed = ReportSubscription.objects.filter(pk=row.pk, sent_until=row.sent_until).update(sent_until=period.ends_at)
    if not claimed or not Membership.objects.filter(platform=row.platform, user=row.user).exists():
        return False
    found = report_body(row.platform, None, period)
    told = notify(
        key=f"report:{row.pk}:{period.key}",
        kind=KIND,
        to=people(row.user_id),
        subject=f"{row.platform.name}: {period.name}",
        body=f"{mail_text(found)}\n\nEnd these mails: "
        f"{settings.PUBLIC_URL}{reverse('reports:unsubscribe', args=[token_of(row)])}",
        url=f"{reverse('reports:period', args=[row.platform.key])}?period={period.key}",
        group_key=f"subscription:{row.pk}",
        at=at,
        platform_id=row.platform_id,
    )
    return told > 0


def mail_text(body: Mapping[str, Any]) -> str:
    """The report in a few lines of plain text."""
    lines = [f"{body['platform_name']}, {body['period']['name']}", ""]
    for row in body["objectives"]:
        left = DASH if row["budget"]["left"] is None else percent(row["budget"]["left"], 1)
        lines.append(
            f"{row['name']}: {STATES[row['health']]}, {percent(row['adjusted'], 3)} of {percent(row['objective'], 2)}, "
            f"budget left {left}, known {percent(row['coverage'], 1)}"
        )
    incidents = body["incidents"]
    lines += ["", f"Incidents declared: {incidents['count']} ({incidents['count_before']} in the time before)"]
    lines += [
        f"{row['name']}: {duration(row['median_s'])} (median of {row['n']})"
        for row in incidents["times"]
        if row["key"] in ("mttd", "mttr")
    ]
    done = sum(row["done"] for row in body["checklists"])
    whole = done + sum(row["late"] + row["missed"] for row in body["checklists"])
    lines.append(f"Checklists done in time: {done} of {whole}")
    failed = [line["rule"] for line in body["scorecard"] if line["is_met"] is False]
    lines += ["", "Not met: " + "; ".join(failed) if failed else "Nothing that is known was missed."]
    return "\n".join(lines)
