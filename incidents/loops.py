"""What the dispatcher does for incidents: claim alarms, fire clocks, draft reviews, check invariants."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from incidents.choices import ClockKind, StateChoice
from incidents.errors import IncidentError
from incidents.models import AlarmClaim, ClaimCursor, ContactPage, Incident, IncidentClock, Retrospective, Review
from incidents.services.actions import action_item_remind, overdue_items
from incidents.services.claims import claim_transition
from incidents.services.clocks import CLOCK_ACTOR, REVIEW_REQUIRED_RANK, fire, warn
from incidents.services.notices import tell_clock, tell_overdue_review, tell_warning
from incidents.services.paging import page_next, send
from incidents.services.retrospectives import OPENER, due_series, retrospective_open
from incidents.services.reviews import review_draft
from incidents.services.tasks import overdue_tasks, task_remind
from monitoring.models import AlarmTransition
from monitoring.selectors.slo_incident import is_counted
from opsportal.audit.services import record
from opsportal.core.actor import system_actor
from opsportal.core.clock import rate, real_now
from opsportal.core.faults import failpoint
from opsportal.core.formats import plural
from opsportal.core.live import touch
from opsportal.schedule.loops import loop

BATCH: Final = 50
CURSOR: Final = "alarm-transitions"
# No transaction that writes a transition lives longer than this, so older ids can no longer appear behind the cursor.
SETTLED_AFTER: Final = timedelta(minutes=15)
REVIEW_ACTOR: Final = system_actor("incidents.reviews")
RETRY_AFTER: Final = timedelta(minutes=1)
COUNTED_WITHIN: Final = timedelta(minutes=15)
LATE_AFTER: Final = timedelta(minutes=2)
LIMIT: Final = 100  # of what an invariant counts

logger = structlog.get_logger(__name__)
# Rows that failed, by what they are, and when this process tries them again: one bad row must not stop the others.
_held_back: dict[tuple[str, int], datetime] = {}


def _held(what: str) -> list[int]:
    """The rows of `what` that failed a moment ago."""
    now = real_now()
    for key in [key for key, until in _held_back.items() if until <= now]:
        del _held_back[key]
    return [pk for kind, pk in _held_back if kind == what]


def _each(what: str, pks: Iterable[int], deal_with: Callable[[int], bool]) -> int:
    """Deal with each row by itself and count what was done; a row that fails is logged and held back.

    Raises what says that the database is not there: that is no row's fault.
    """
    done = 0
    for pk in pks:
        try:
            done += deal_with(pk)
        except (InterfaceError, OperationalError):
            raise
        except Exception:
            logger.exception("incidents.row_failed", what=what, id=pk)
            _held_back[what, pk] = real_now() + RETRY_AFTER
    return done


def unclaimed(after: int) -> list[AlarmTransition]:
    """The oldest transitions nobody dealt with yet, from behind the cursor on, without those held back."""
    claimed = AlarmClaim.objects.filter(transition_id=OuterRef("pk"))
    rows = AlarmTransition.objects.filter(~Exists(claimed), pk__gt=after).exclude(pk__in=_held("transition"))
    # The ids first: mostly there are none, and the joined query is the dearest of an idle dispatcher.
    found = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
    if not found:
        return []
    rows = AlarmTransition.objects.filter(pk__in=found).select_related("alarm__rule", "severity__scheme", "service")
    return list(rows.order_by("pk"))


@loop(name="incidents.claim_alarms", every=2.0, limit=30.0, channel="alarms")
def claim_alarms(now: datetime) -> int:
    """Turn new alarm transitions into incidents, or into lines of open ones."""
    cursor, _ = ClaimCursor.objects.get_or_create(name=CURSOR)
    found = {transition.pk: transition for transition in unclaimed(cursor.transition_id)}
    claimed = _each("transition", found, lambda pk: claim_transition(transition=found[pk], at=now) is not None)
    if not found and not _held("transition"):
        _advance(cursor)
    return claimed


def _advance(cursor: ClaimCursor) -> None:
    """Move the cursor over what is claimed and settled; it only ever saves reading."""
    settled = AlarmClaim.objects.filter(
        transition_id__gt=cursor.transition_id, recorded_at__lt=real_now() - SETTLED_AFTER
    )
    newest = settled.aggregate(newest=Max("transition_id"))["newest"]
    if newest is not None:
        ClaimCursor.objects.filter(pk=cursor.pk, transition_id__lt=newest).update(transition_id=newest)


@loop(name="incidents.fire_clocks", every=1.0, limit=20.0)
def fire_clocks(now: datetime) -> int:
    """Fire clocks that are due: each once, within seconds, never early."""
    return _each("clock", _due(now), lambda pk: _fire(pk, now))


@transaction.atomic
def _fire(pk: int, now: datetime) -> bool:
    """Fire one clock; False when it ended or was paused meanwhile, or another process has it."""
    clock = (
        IncidentClock.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(pk=pk, stopped_at__isnull=True, fired_at__isnull=True, due_at__lte=now)
        .select_related("incident__severity")
        .first()
    )
    if clock is None:
        return False
    fire(clock, now)
    failpoint("incidents.clock.fired")
    tell_clock(clock, now)
    page_next(clock, now)
    touch("today", clock.incident_id)
    record(
        by=CLOCK_ACTOR,
        at=now,
        verb="incidents.clock.missed",
        obj_kind="incident",
        obj_id=clock.incident_id,
        platform_id=clock.incident.platform_id,
        data={"clock": clock.pk, "kind": clock.kind},
    )
    return True


def _due(now: datetime) -> list[int]:
    rows = IncidentClock.objects.filter(due_at__lte=now, stopped_at__isnull=True, fired_at__isnull=True)
    rows = rows.exclude(pk__in=_held("clock"))
    return list(rows.order_by("due_at", "pk").values_list("pk", flat=True)[:BATCH])


@loop(name="incidents.warn_clocks", every=5.0, limit=20.0)
def warn_clocks(now: datetime) -> int:
    """Warn of clocks that are about to be missed, each once; one that is missed already is left to `fire_clocks`."""
    rows = _warnable(now).exclude(pk__in=_held("warning")).order_by("warn_at", "pk")
    return _each("warning", list(rows.values_list("pk", flat=True)[:BATCH]), lambda pk: _warn(pk, now))


def _warnable(now: datetime) -> QuerySet[IncidentClock]:
    rows: QuerySet[IncidentClock] = IncidentClock.objects.filter(
        warn_at__lte=now, due_at__gt=now, stopped_at__isnull=True, warned_at__isnull=True
    )
    return rows


@transaction.atomic
def _warn(pk: int, now: datetime) -> bool:
    rows = _warnable(now).select_for_update(of=("self",), skip_locked=True)
    clock = rows.filter(pk=pk).select_related("incident__severity").first()
    if clock is None:
        return False
    warn(clock, now)
    tell_warning(clock, now)
    touch("today", clock.incident_id)
    return True


@loop(name="incidents.send_pages", every=5.0, limit=20.0)
def send_pages(now: datetime) -> int:
    """Send the pages that waited for their calendar to open."""
    waiting = ContactPage.objects.filter(due_at__lte=now, sent_at__isnull=True, dropped_at__isnull=True)
    rows = waiting.exclude(pk__in=_held("page")).order_by("due_at", "pk")
    return _each("page", list(rows.values_list("pk", flat=True)[:BATCH]), lambda pk: _page(pk, now))


@transaction.atomic
def _page(pk: int, now: datetime) -> bool:
    rows = ContactPage.objects.select_for_update(of=("self",), skip_locked=True)
    rows = rows.filter(pk=pk, sent_at__isnull=True, dropped_at__isnull=True)
    page = rows.select_related("incident__severity", "contact").first()
    if page is None:
        return False
    send(page, now)
    return True


@loop(name="incidents.remind_reviews", every=300.0, limit=30.0)
def remind_reviews(now: datetime) -> int:
    """Tell the platform's managers once a day of a review that is overdue."""
    rows = _overdue_reviews(now).exclude(pk__in=_held("reminder")).order_by("due_at", "pk")
    return _each("reminder", list(rows.values_list("pk", flat=True)[:BATCH]), lambda pk: _remind_review(pk, now))


def _overdue_reviews(now: datetime) -> QuerySet[IncidentClock]:
    rows: QuerySet[IncidentClock] = IncidentClock.objects.filter(
        Q(reminded_at=None) | Q(reminded_at__lte=now - timedelta(days=1)),
        kind=ClockKind.REVIEW,
        stopped_at__isnull=True,
        due_at__lte=now,
    )
    return rows


@transaction.atomic
def _remind_review(pk: int, now: datetime) -> bool:
    """The clock's own version stays: nobody changed it."""
    rows = _overdue_reviews(now).select_for_update(of=("self",), skip_locked=True)
    clock = rows.filter(pk=pk).select_related("incident__severity").first()
    if clock is None:
        return False
    tell_overdue_review(clock, now)
    IncidentClock.objects.filter(pk=pk).update(reminded_at=now)
    return True


@loop(name="incidents.draft_reviews", every=5.0, limit=30.0)
def draft_reviews(now: datetime) -> int:
    """Draft the review of what was resolved with a review due, so that it is written before anyone asks."""
    running = IncidentClock.objects.filter(incident_id=OuterRef("pk"), kind=ClockKind.REVIEW, stopped_at__isnull=True)
    written = Review.objects.filter(incident_id=OuterRef("pk"))
    due = Incident.objects.filter(~Exists(written), Exists(running), state=StateChoice.RESOLVED)
    rows = due.exclude(pk__in=_held("review")).order_by("pk")[:BATCH]
    found = {incident.pk: incident for incident in rows}
    return _each("review", found, lambda pk: _draft(found[pk], now))


def _draft(incident: Incident, now: datetime) -> bool:
    """Its figures are part of the text: the last of them come some minutes after the end, and are waited for."""
    assert incident.resolved_at is not None
    if now - incident.resolved_at < COUNTED_WITHIN and not is_counted(
        platform_id=incident.platform_id, service_id=incident.service_id, until=incident.resolved_at
    ):
        return False
    review_draft(by=REVIEW_ACTOR, at=now, incident=incident)
    return True


@loop(name="incidents.remind_actions", every=300.0, limit=30.0)
def remind_actions(now: datetime) -> int:
    """Remind the owners of overdue action items, once a week."""
    due = overdue_items(now).exclude(pk__in=_held("action"))
    return _each("action", list(due.values_list("pk", flat=True)[:BATCH]), lambda pk: action_item_remind(now, pk))


@loop(name="incidents.remind_tasks", every=5.0, limit=20.0)
def remind_tasks(now: datetime) -> int:
    """Remind of response tasks that are overdue, each once."""
    due = overdue_tasks(now).exclude(pk__in=_held("task"))
    return _each("task", list(due.values_list("pk", flat=True)[:BATCH]), lambda pk: task_remind(now, pk))


@loop(name="incidents.open_retrospectives", every=300.0, limit=30.0)
def open_retrospectives(now: datetime) -> int:
    """Open the next look back of each series when its days are over; the unique key keeps two from opening one."""
    due = {row.pk: row for row in due_series(now) if row.pk not in _held("retrospective")}
    return _each("retrospective", due, lambda pk: _look_back(due[pk], now))


def _look_back(before: Retrospective, now: datetime) -> bool:
    """Open the one after `before`; False when another dispatcher was first."""
    try:
        retrospective_open(by=OPENER, at=now, platform=before.platform, kind=before.kind, starts_on=before.ends_on)
    except IncidentError:
        return False
    return True


def broken_invariants() -> list[str]:
    """What must never be true, as counts: whoever reads /health/ may not know of restricted incidents."""
    now = real_now()
    found = []
    if silent := Incident.objects.open().filter(entries__isnull=True)[:LIMIT].count():
        found.append(f"{plural(silent, 'open incident')} without a timeline.")
    closed = Incident.objects.filter(state=StateChoice.CLOSED, merged_into__isnull=True, review__isnull=True)
    if unreviewed := closed.filter(rank__lte=REVIEW_REQUIRED_RANK)[:LIMIT].count():
        found.append(f"{plural(unreviewed, 'incident')} closed without a review.")
    if rate() != 1.0:  # business time runs faster than the loops: nothing can be called late
        return found
    unsettled = AlarmTransition.objects.filter(
        pk__gt=ClaimCursor.objects.filter(name=CURSOR).values_list("transition_id", flat=True).first() or 0,
        incident_claim__isnull=True,
        recorded_at__lt=now - LATE_AFTER,
    )
    if late := unsettled[:LIMIT].count():
        found.append(f"{plural(late, 'alarm transition')} older than two minutes not claimed.")
    overdue = IncidentClock.objects.filter(due_at__lt=now - LATE_AFTER, stopped_at__isnull=True, fired_at__isnull=True)
    if unfired := overdue[:LIMIT].count():
        found.append(f"{plural(unfired, 'clock')} due for more than two minutes not fired.")
    return found
