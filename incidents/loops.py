"""What the dispatcher does for incidents: claim alarms, fire clocks, draft reviews, check invariants."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, Max, OuterRef

from incidents.choices import ClockKind, StateChoice
from incidents.models import AlarmClaim, ClaimCursor, Incident, IncidentClock, Review
from incidents.services.claims import claim_transition
from incidents.services.clocks import CLOCK_ACTOR, REVIEW_REQUIRED_RANK, fire
from incidents.services.notices import tell_clock
from incidents.services.reviews import review_draft
from monitoring.models import AlarmTransition
from opsportal.audit.services import record
from opsportal.core.actor import system_actor
from opsportal.core.clock import rate, real_now
from opsportal.core.faults import failpoint
from opsportal.core.live import touch
from opsportal.schedule.loops import loop

BATCH: Final = 50
CURSOR: Final = "alarm-transitions"
# No transaction that writes a transition lives longer than this, so older ids can no longer appear behind the cursor.
SETTLED_AFTER: Final = timedelta(minutes=15)
REVIEW_ACTOR: Final = system_actor("incidents.reviews")


def unclaimed(after: int) -> list[AlarmTransition]:
    """The oldest transitions nobody dealt with yet, from behind the cursor on."""
    claimed = AlarmClaim.objects.filter(transition_id=OuterRef("pk"))
    rows = AlarmTransition.objects.filter(~Exists(claimed), pk__gt=after)
    return list(rows.select_related("alarm__rule", "severity__scheme", "service").order_by("pk")[:BATCH])


@loop(name="incidents.claim_alarms", every=1.0, limit=30.0, channel="alarms")
def claim_alarms(now: datetime) -> int:
    """Turn new alarm transitions into incidents, or into lines of open ones."""
    cursor, _ = ClaimCursor.objects.get_or_create(name=CURSOR)
    found = unclaimed(cursor.transition_id)
    claimed = sum(claim_transition(transition=transition, at=now) is not None for transition in found)
    if not found:
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
    fired = 0
    for pk in _due(now):
        with transaction.atomic():
            clock = (
                IncidentClock.objects.select_for_update(of=("self",), skip_locked=True)
                .filter(pk=pk, stopped_at__isnull=True, fired_at__isnull=True)
                .select_related("incident__severity")
                .first()
            )
            if clock is None:
                continue
            fire(clock, now)
            failpoint("incidents.clock.fired")
            tell_clock(clock, now)
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
        fired += 1
    return fired


def _due(now: datetime) -> list[int]:
    rows = IncidentClock.objects.filter(due_at__lte=now, stopped_at__isnull=True, fired_at__isnull=True)
    return list(rows.order_by("due_at", "pk").values_list("pk", flat=True)[:BATCH])


@loop(name="incidents.draft_reviews", every=2.0, limit=30.0)
def draft_reviews(now: datetime) -> int:
    """Draft the review of what was resolved with a review due, so that it is written before anyone asks."""
    running = IncidentClock.objects.filter(incident_id=OuterRef("pk"), kind=ClockKind.REVIEW, stopped_at__isnull=True)
    written = Review.objects.filter(incident_id=OuterRef("pk"))
    due = Incident.objects.filter(~Exists(written), Exists(running), state=StateChoice.RESOLVED)
    incidents = list(due.order_by("pk")[:BATCH])
    for incident in incidents:
        review_draft(by=REVIEW_ACTOR, at=now, incident=incident)
    return len(incidents)


def broken_invariants() -> list[str]:
    """What must never be true; bounded queries, for the portal's auditor (TRUST R22)."""
    now = real_now()
    found = []
    open_incidents = Incident.objects.open()
    if silent := open_incidents.filter(entries__isnull=True).values_list("number", flat=True)[:5]:
        found.append(f"Incidents without a timeline: {_references(silent)}.")
    closed = Incident.objects.filter(state=StateChoice.CLOSED, rank__lte=REVIEW_REQUIRED_RANK, review__isnull=True)
    if unreviewed := closed.order_by("-number").values_list("number", flat=True)[:5]:
        found.append(f"Closed without a review: {_references(unreviewed)}.")
    late = AlarmTransition.objects.filter(
        pk__gt=ClaimCursor.objects.filter(name=CURSOR).values_list("transition_id", flat=True).first() or 0,
        incident_claim__isnull=True,
        recorded_at__lt=now - timedelta(minutes=2),
    )
    if rate() == 1.0 and (count := late[:100].count()):
        found.append(f"{count} alarm transitions older than two minutes are not claimed.")
    return found


def _references(numbers: object) -> str:
    return ", ".join(f"INC-{number}" for number in numbers)  # type: ignore[attr-defined]
