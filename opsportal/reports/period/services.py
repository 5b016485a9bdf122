"""Writes of reports: commentary in versions, publishing, who gets them by mail."""

import hashlib
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Max

from monitoring.slo.periods import Period
from opsportal.accounts.models import User
from opsportal.audit.services import record, text_digest
from opsportal.core.actor import Actor
from opsportal.core.faults import failpoint
from opsportal.core.markdown import clean_text
from opsportal.core.refusals import ConflictingError, RefusedError
from opsportal.platforms.models import Membership, Platform, Service
from opsportal.reports.models import Commentary, PublishedReport, ReportSubscription
from opsportal.reports.period.body import canonical, code_version, newest_commentary, report_body
from opsportal.reports.period.verification import differences

MAX_TEXT: Final = 20_000


class ReportError(RefusedError):
    """The report cannot be commented or published so; the text is a sentence for the person who asked."""


class CommentaryConflictError(ReportError, ConflictingError):
    """Somebody wrote another version meanwhile; `newest` is theirs."""

    def __init__(self, newest: Commentary | None) -> None:
        super().__init__("Somebody wrote another version meanwhile; yours is still in the field.")
        self.newest = newest


def _fixed(period: Period) -> None:
    if not period.zone:
        raise ReportError("Rolling days move on: choose a week, month, quarter, year or dates.")


@transaction.atomic
def commentary_write(
    *, by: Actor, at: datetime, platform: Platform, service: Service | None, period: Period, expected: int, text: str
) -> Commentary:
    """Write a new version; `expected` is the number of the one it was based on, 0 for none.

    The same text again writes nothing. Raises ReportError, CommentaryConflictError.
    """
    _fixed(period)
    text = clean_text(text).strip()
    if not text or len(text) > MAX_TEXT:
        raise ReportError(f"A commentary has 1 to {MAX_TEXT} characters.")
    newest = newest_commentary(platform, service, period.key)
    if newest is not None and newest.text == text:
        return newest
    if (newest.number if newest else 0) != expected:
        raise CommentaryConflictError(newest)
    try:
        with transaction.atomic():
            row = Commentary.objects.create(
                platform=platform, service=service, period_key=period.key, number=expected + 1, text=text,
                written_by_id=by.user_id, written_by_name=by.name, written_at=at,
            )  # fmt: skip
    except IntegrityError as error:
        raise CommentaryConflictError(newest_commentary(platform, service, period.key)) from error
    digest = text_digest(text, salt=f"commentary-{row.pk}")
    _audit(by, at, "reports.commentary.written", "commentary", row.pk, platform, {"text": digest, "number": row.number})
    return row


@transaction.atomic
def report_publish(
    *, by: Actor, at: datetime, platform: Platform, service: Service | None, period: Period
) -> PublishedReport:
    """Freeze what the report says now. A report that says the same as the last edition is that edition.

    Raises ReportError.
    """
    _fixed(period)
    Platform.objects.hold(platform.pk)  # editions are numbered one after the other
    text = canonical(report_body(platform, service, period))
    editions = PublishedReport.objects.filter(platform=platform, service=service, period_key=period.key)
    last = editions.order_by("-number").first()
    if last is not None and not differences(last.body.encode(), text):
        return last
    row = PublishedReport.objects.create(
        platform=platform,
        service=service,
        period_key=period.key,
        period_name=period.name,
        number=(editions.aggregate(last=Max("number"))["last"] or 0) + 1,
        as_of=period.at,
        body=text.decode(),
        sha256=hashlib.sha256(text).hexdigest(),
        code_version=code_version(),
        published_by_id=by.user_id,
        published_by_name=by.name,
        published_at=at,
    )
    failpoint("reports.publish.before_audit")
    data = {"sha256": row.sha256, "number": row.number, "period": period.key}
    _audit(by, at, "reports.report.published", "published_report", row.pk, platform, data)
    return row


@transaction.atomic
def subscription_put(*, by: Actor, at: datetime, platform: Platform, user: User, cadence: str) -> ReportSubscription:
    """Send a member the platform's report; the first one is of the period that runs now. Raises ReportError."""
    if not Membership.objects.filter(platform=platform, user=user).exists():
        raise ReportError("Reports are mailed to members of the platform.")
    row, is_new = ReportSubscription.objects.get_or_create(
        platform=platform, user=user, cadence=cadence, defaults={"sent_until": at, "created_at": at}
    )
    if is_new:
        data = {"user": user.pk, "cadence": cadence}
        _audit(by, at, "reports.subscription.made", "report_subscription", row.pk, platform, data)
    return row


@transaction.atomic
def subscription_remove(*, by: Actor, at: datetime, subscription: ReportSubscription) -> None:
    """Send no more; again does nothing."""
    held = ReportSubscription.objects.select_for_update().filter(pk=subscription.pk).first()
    if held is None:
        return
    platform, pk, data = held.platform, held.pk, {"user": held.user_id, "cadence": held.cadence}
    held.delete()
    _audit(by, at, "reports.subscription.removed", "report_subscription", pk, platform, data)


def _audit(by: Actor, at: datetime, verb: str, kind: str, pk: int, platform: Platform, data: dict[str, object]) -> None:
    record(by=by, at=at, verb=verb, obj_kind=kind, obj_id=pk, platform_id=platform.pk, data=data)
