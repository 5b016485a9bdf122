"""Moving through the life cycle: stages, mitigated, resolved, closed, reopened."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Final

from django.db import IntegrityError, transaction

from incidents import events, lifecycle
from incidents.choices import ClockKind, EntryKind, ReviewState, StageChoice
from incidents.errors import IncidentError
from incidents.lifecycle import Stage
from incidents.models import Incident, IncidentClock, Review
from incidents.selectors.documented import missing_texts
from incidents.services import clocks, notices
from incidents.services.access import check_member, may_write
from incidents.services.base import change, finish, lock, mark_charts, moved
from incidents.services.declare import refuse_twin
from incidents.services.ending import work_end
from incidents.services.reviews import draft, is_published, review_follow, review_is_required
from incidents.services.texts import say_rewritten
from incidents.services.timeline import append, check_occurred
from incidents.services.waves import hold_review, keep_wave, review_reopen
from opsportal.core.actor import Actor
from opsportal.core.formats import duration
from opsportal.core.markdown import clean_text


@transaction.atomic
def incident_advance(*, by: Actor, at: datetime, incident: Incident, expected: int, stage: str) -> Incident:
    """Move between the working stages, forward or back. Raises TransitionError."""
    current = lock(incident, expected=expected)
    position = lifecycle.advance(current.position, Stage(stage))
    stage_before = current.stage
    before = StageChoice(stage_before).label
    change(current, **moved(current, position, at))
    # Clock before timeline, as the loop that fires clocks locks them.
    if lifecycle.is_responding(position):
        clocks.done(current, ClockKind.RESPOND, at)
    append(
        current,
        kind=EntryKind.STAGE,
        body=f"{before} → {StageChoice(stage).label}",
        by=by,
        at=at,
        data={"from": before, "to": stage},
    )
    tells = partial(events.stage_changed, stage_before)
    finish(current, by=by, at=at, verb="stage.changed", data={"stage": stage}, tells=tells)
    return current


@transaction.atomic
def incident_mitigate(
    *, by: Actor, at: datetime, incident: Incident, expected: int, note: str = "", mitigated_at: datetime | None = None
) -> Incident:
    """Users are served again. Raises TransitionError, TimeOrderError, IncidentError."""
    current = lock(incident, expected=expected)
    check_occurred(mitigated_at, at)
    when, note = mitigated_at or at, clean_text(note)
    change(current, **moved(current, lifecycle.mitigate(current.position), at), mitigated_at=when)
    clocks.stop(current, ClockKind.ESCALATE, at)
    said = f"marked mitigated after {duration(when - current.impact_started_at)}"
    append(
        current,
        kind=EntryKind.STATE,
        body=said + (f": {note}" if note else ""),
        by=by,
        at=at,
        occurred_at=when,
        data={"state": "mitigated"},
    )
    notices.tell_state(current, "mitigated", at)
    finish(current, by=by, at=at, verb="incident.mitigated", tells=partial(events.mitigated, current, note))
    return current


@transaction.atomic
def incident_resolve(
    *,
    by: Actor,
    at: datetime,
    incident: Incident,
    expected: int,
    resolution: str = "",
    resolved_at: datetime | None = None,
) -> Incident:
    """It is over: the working clocks end, the review's clock starts. Raises TransitionError, TimeOrderError."""
    current = lock(incident, expected=expected)
    check_occurred(resolved_at, at)
    when = resolved_at or at
    changes = moved(current, lifecycle.resolve(current.position), at) | {"resolved_at": when}
    if resolution.strip():
        changes["resolution"] = clean_text(resolution).strip()
    before = {"resolution": current.resolution}
    if current.mitigated_at is None:
        changes["mitigated_at"] = when
    change(current, **changes)
    clocks.acknowledge_clocks(current, at)
    clocks.done(current, ClockKind.RESOLVE, when)
    for kind in (ClockKind.ESCALATE, ClockKind.UPDATE, ClockKind.STAKEHOLDER):
        clocks.stop(current, kind, when)
    clocks.start(current, ClockKind.REVIEW, when)
    hold_review(current)  # one that was there before it was reopened, before its timeline
    say_rewritten(current, before, by=by, at=at)
    review_follow(current, at=at)
    append(
        current,
        kind=EntryKind.STATE,
        body=f"resolved after {duration(current.lasted(at))}"
        + (f": {current.resolution}" if resolution.strip() else ""),
        by=by,
        at=at,
        occurred_at=when,
        data={"state": "resolved"},
    )
    notices.tell_state(current, "resolved", at)
    mark_charts(current, by=by, at=at)
    finish(current, by=by, at=at, verb="incident.resolved", tells=partial(events.resolved, current))
    return current


CLOSING_TEXTS: Final = ("users_affected", "impact_business", "impact_technical", "cause", "resolution")


@transaction.atomic
def incident_close(
    *,
    by: Actor,
    at: datetime,
    incident: Incident,
    expected: int,
    texts: Mapping[str, str] | None = None,
    reviewer_id: int | None = None,
) -> Incident:
    """End the record: impact, cause and resolution stand, and a review that is due is open (M-PIR-03).

    Plans that wait are withdrawn, runbooks that are still being carried out for it are left where they stand.

    `texts` are written into the record at once; `reviewer_id` writes the review, else the commander does.
    Raises IncidentError naming what is missing, TransitionError.
    """
    current = lock(incident, expected=expected)
    position = lifecycle.close(current.position)
    given = {name: clean_text((texts or {}).get(name, "")).strip() for name in CLOSING_TEXTS}
    changed = {name: text for name, text in given.items() if text and text != getattr(current, name)}
    before = {name: getattr(current, name) for name in changed}
    for name, text in changed.items():
        setattr(current, name, text)
    if missing := missing_texts(current):
        raise IncidentError(f"Write {' and '.join(missing)} first: every closed incident is documented.")
    review = hold_review(current)
    audit_work = work_end(current, "closed", by=by, at=at)
    is_reviewed = review_is_required(current)
    if is_reviewed:
        _open_review(current, review, reviewer_id, by=by, at=at)
    change(current, **moved(current, position, at), closed_at=at, **changed)
    say_rewritten(current, before, by=by, at=at)
    review_follow(current, at=at)
    said = "closed, review open" if is_reviewed and not is_published(current) else "closed"
    append(current, kind=EntryKind.STATE, body=said, by=by, at=at, data={"state": "closed"})
    tells, written = partial(events.closed, current), {"fields": sorted(changed)} if changed else None
    finish(current, by=by, at=at, verb="incident.closed", data=written, tells=tells)
    audit_work()
    return current


def _open_review(
    incident: Incident, review: Review | None, reviewer_id: int | None, *, by: Actor, at: datetime
) -> None:
    """A review with an owner and a due instant stands before the incident closes. Raises IncidentError.

    `review` is the one that is there, held.
    """
    if review is None:
        review = draft(incident, by=by, at=at)
    if review.state == ReviewState.PUBLISHED:
        return
    if reviewer_id is not None and reviewer_id != review.author_id:
        check_member(incident, reviewer_id)
        if not may_write(incident, reviewer_id):
            raise IncidentError("Who writes the review must hold a role that may: operator, commander or admin.")
        review.update_versioned(expected=review.version, author_id=reviewer_id)
    if review.author_id is None:
        raise IncidentError("Say who writes the review: nobody commanded this incident.")
    if not IncidentClock.objects.filter(incident=incident, kind=ClockKind.REVIEW).exists():
        clocks.start(incident, ClockKind.REVIEW, at)


@transaction.atomic
def incident_reopen(*, by: Actor, at: datetime, incident: Incident, expected: int, why: str) -> Incident:
    """It came back: what had ended is kept as a wave, its review is a draft again.

    Raises TransitionError, IncidentError without a reason or with another open for its signal.
    """
    why = clean_text(why).strip()
    if not why:
        raise IncidentError("Say why it is reopened.")
    current = lock(incident, expected=expected)
    if current.merged_into_id is not None:
        raise IncidentError("It was merged as a duplicate; go on under the number it was merged into.")
    position = lifecycle.reopen(current.position)
    keep_wave(current, why, by=by, at=at)
    # The later stages were those of the wave that is over; the timeline keeps when they were entered.
    again = lifecycle.ORDER[: lifecycle.ORDER.index(position.stage)]
    stages = {stage.value: current.stage_times[stage.value] for stage in again if stage.value in current.stage_times}
    stages[position.stage.value] = at.isoformat()
    ended = {"resolved_at": None, "mitigated_at": None, "closed_at": None}
    said = {"cause": "", "resolution": ""}  # of the wave that is over, which keeps them
    try:
        with transaction.atomic():
            change(current, **{**moved(current, position, at), **ended, **said, "stage_times": stages})
    except IntegrityError:  # incident_open_signal_unique: an alarm opened one since
        way_out = f"go on there, or merge it into {current.reference} first and reopen that"
        refuse_twin(current.platform_id, current.service, current.signal, way_out)
        raise
    review = hold_review(current)
    clocks.stop(current, ClockKind.REVIEW, at)
    for kind in clocks.WAVE_KINDS:
        clocks.start(current, kind, at)
    append(
        current,
        kind=EntryKind.STATE,
        body=f"reopened: {why}",
        by=by,
        at=at,
        data={"state": "open"},
    )
    if review is not None:
        review_reopen(review, by=by, at=at)
    notices.tell_state(current, "reopened", at)
    mark_charts(current, by=by, at=at)
    finish(current, by=by, at=at, verb="incident.reopened", tells=partial(events.reopened, why))
    return current
